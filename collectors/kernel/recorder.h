// SPDX-License-Identifier: Apache-2.0
// Writes what a source reads to a pcap file, without ever holding up who reads it.
#ifndef CNPROC_COLLECTORS_KERNEL_RECORDER_H_
#define CNPROC_COLLECTORS_KERNEL_RECORDER_H_

#include <sys/stat.h>

#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collectors/kernel/datagram_source.h"
#include "collectors/kernel/source_decorator.h"

namespace cnproc {

// A thread of its own writes. What it cannot take in time (16 MiB of backlog) is left out and
// counted; a full disk or the size limit ends the recording, which stays a whole file.
class Recorder {
 public:
  // A file that is there already is renamed to `path`.old, in place of an older one.
  // `say` is called from the writing thread when the recording ends early, and when it lacks
  // something.
  static absl::StatusOr<std::unique_ptr<Recorder>> Create(
      const std::string& path, uint64_t max_bytes, std::function<void(const std::string&)> say);
  ~Recorder();

  // Whether a new recording renames this file.
  static bool IsKept(const struct stat& file);

  // Never blocks on I/O. From one thread.
  void Record(std::span<const Datagram> datagrams, int64_t unix_offset_ns);

 private:
  Recorder(std::string path, std::FILE* file, uint64_t max_bytes,
           std::function<void(const std::string&)> say);
  void Run();
  bool Write(const std::string& packets);

  const std::string path_;
  const uint64_t max_bytes_;
  const std::function<void(const std::string&)> say_;
  std::FILE* const file_;
  uint64_t written_bytes_ = 0;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::string backlog_;    // guarded by mutex_
  uint64_t left_out_ = 0;  // guarded by mutex_
  bool recording_ = true;  // guarded by mutex_
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

// Lets a recorder have what was read.
class RecordedSource final : public SourceDecorator {
 public:
  RecordedSource(std::unique_ptr<DatagramSource> source, std::unique_ptr<Recorder> recorder)
      : SourceDecorator(std::move(source)), recorder_(std::move(recorder)) {}

  absl::StatusOr<SourceRead> Read(SocketId socket) override;

 private:
  const std::unique_ptr<Recorder> recorder_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_RECORDER_H_
