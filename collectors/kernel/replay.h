// SPDX-License-Identifier: Apache-2.0
// A recording in the kernel's place.
#ifndef CNPROC_COLLECTORS_KERNEL_REPLAY_H_
#define CNPROC_COLLECTORS_KERNEL_REPLAY_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collectors/kernel/datagram_source.h"
#include "collectors/kernel/pcap.h"

namespace cnproc {

struct ReplayOptions {
  std::string path;
  double speed = 1;   // 2 = twice as fast, 0 = as fast as it is read
  bool loop = false;  // begin again at the end, with the clock running on
};

// Gives datagrams in the batches in which they were recorded. What was lost while recording is not
// in the file: it shows as gaps of the sequence numbers. Its clock is that of the recording.
class Replay final : public DatagramSource {
 public:
  static absl::StatusOr<std::unique_ptr<Replay>> Open(const ReplayOptions& options);

  void Wait(int wake_fd, int64_t timeout_ns) override;
  absl::StatusOr<SourceRead> Read(SocketId socket) override;
  absl::StatusOr<uint64_t> Drops(SocketId /*socket*/) override { return 0; }
  int64_t NowNs() const override;
  int64_t UnixOffsetNs() const override { return unix_offset_ns_; }
  absl::Status Subscribe(bool /*renew*/) override { return absl::OkStatus(); }
  absl::Status Probe() override { return absl::OkStatus(); }
  absl::Status Ended() const override { return ended_; }

 private:
  explicit Replay(ReplayOptions options) : options_(std::move(options)) {}

  absl::Status ReadAhead();
  bool BeginAgain();
  void Fill();
  bool IsDue(const RecordedDatagram& datagram) const;

  const ReplayOptions options_;
  std::unique_ptr<PcapReader> reader_;
  std::optional<RecordedDatagram> next_;  // read ahead
  std::array<std::deque<RecordedDatagram>, kSocketCount> due_;
  std::vector<RecordedDatagram> handed_out_;
  std::vector<Datagram> datagrams_;
  absl::Status ended_;
  bool restarted_ = false;
  int64_t loop_offset_ns_ = 0;  // added to all times of this pass
  int64_t first_ns_ = 0;        // the clock at the beginning
  int64_t newest_ns_ = 0;       // of what was handed out
  int64_t wall_start_ns_ = 0;   // CLOCK_MONOTONIC of this machine at the beginning
  std::atomic<int64_t> unix_offset_ns_{0};
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_REPLAY_H_
