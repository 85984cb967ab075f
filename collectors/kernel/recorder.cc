// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/recorder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "collectors/kernel/pcap.h"

namespace cnproc {
namespace {

constexpr size_t kMaxBacklogBytes = 16u << 20;
constexpr auto kWritePace = std::chrono::milliseconds(50);
constexpr size_t kFileHeaderBytes = 24;
constexpr size_t kPacketHeaderBytes = 16;

// A restart must not destroy the recording of what led to it, nor must one that fails at once and
// is tried again: what has no packet is not kept. Pipes and devices stay.
absl::Status KeepOld(const std::string& path) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0 || !Recorder::IsKept(found)) return absl::OkStatus();
  const std::string old = path + ".old";
  if (std::rename(path.c_str(), old.c_str()) != 0) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("cannot rename the recording ", path, " of an earlier start to ", old));
  }
  return absl::OkStatus();
}

}  // namespace

bool Recorder::IsKept(const struct stat& file) {
  return S_ISREG(file.st_mode) && file.st_size > static_cast<off_t>(kFileHeaderBytes);
}

absl::StatusOr<std::unique_ptr<Recorder>> Recorder::Create(
    const std::string& path, uint64_t max_bytes, std::function<void(const std::string&)> say) {
  if (max_bytes < kFileHeaderBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("--connector.record-max-size is less than the header of ", path));
  }
  if (absl::Status status = KeepOld(path); !status.ok()) return status;
  std::FILE* file = std::fopen(path.c_str(), "wbe");
  if (file == nullptr) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("cannot create the recording ", path, " of --connector.record"));
  }
  return std::unique_ptr<Recorder>(new Recorder(path, file, max_bytes, std::move(say)));
}

Recorder::Recorder(std::string path, std::FILE* file, uint64_t max_bytes,
                   std::function<void(const std::string&)> say)
    : path_(std::move(path)), max_bytes_(max_bytes), say_(std::move(say)), file_(file) {
  // Unbuffered: what could not be written must not be written later, behind a gap.
  (void)std::setvbuf(file_, nullptr, _IONBF, 0);
  AppendPcapFileHeader(backlog_);
  thread_ = std::thread([this] { Run(); });
}

Recorder::~Recorder() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
  // Nothing is left to be written.
  (void)std::fclose(file_);
}

void Recorder::Record(std::span<const Datagram> datagrams, int64_t unix_offset_ns) {
  const std::lock_guard lock(mutex_);
  if (!recording_) return;
  for (const Datagram& datagram : datagrams) {
    if (backlog_.size() > kMaxBacklogBytes) {
      ++left_out_;
      continue;
    }
    AppendPcapPacket(datagram, datagram.received_ns + unix_offset_ns, backlog_);
  }
}

void Recorder::Run() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  std::string packets;
  std::unique_lock lock(mutex_);
  while (recording_ && !(stopping_ && backlog_.empty())) {
    if (!stopping_) wake_.wait_for(lock, kWritePace);
    packets.clear();
    packets.swap(backlog_);
    lock.unlock();
    const bool writable = Write(packets);
    lock.lock();
    recording_ = writable;
  }
  backlog_ = {};
  const uint64_t left_out = left_out_;
  // Whoever reads the log may be slow, and Record must not wait for it.
  lock.unlock();
  if (left_out > 0) {
    say_(absl::StrCat("the recording ", path_, " lacks ", left_out,
                      " datagrams: the disk was too slow"));
  }
}

// Writes whole packets only.
bool Recorder::Write(const std::string& packets) {
  size_t length = 0;
  bool full = false;
  while (length < packets.size()) {
    size_t packet_bytes = kFileHeaderBytes;
    if (written_bytes_ + length > 0) {
      uint32_t captured = 0;
      std::memcpy(&captured, packets.data() + length + 8, sizeof(captured));
      packet_bytes = kPacketHeaderBytes + captured;
    }
    full = written_bytes_ + length + packet_bytes > max_bytes_;
    if (full) break;
    length += packet_bytes;
  }
  if (std::fwrite(packets.data(), 1, length, file_) != length) {
    say_(absl::StrCat("the recording ", path_, " ends: ", std::strerror(errno)));
    // A packet that was cut would make all of it unreadable. Of a pipe nothing can be taken back.
    [[maybe_unused]] const int result =
        ftruncate(fileno(file_), static_cast<off_t>(written_bytes_));
    return false;
  }
  written_bytes_ += length;
  if (full) {
    say_(absl::StrCat("the recording ", path_, " ends at --connector.record-max-size, ", max_bytes_,
                      " bytes"));
  }
  return !full;
}

absl::StatusOr<SourceRead> RecordedSource::Read(SocketId socket) {
  absl::StatusOr<SourceRead> read = SourceDecorator::Read(socket);
  if (read.ok() && !read->datagrams.empty()) {
    recorder_->Record(read->datagrams, UnixOffsetNs());
  }
  return read;
}

}  // namespace cnproc
