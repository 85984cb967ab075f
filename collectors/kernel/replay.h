// SPDX-License-Identifier: Apache-2.0
// A recording in the kernel's place.
#ifndef CNPROC_COLLECTORS_KERNEL_REPLAY_H_
#define CNPROC_COLLECTORS_KERNEL_REPLAY_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collectors/kernel/datagram_source.h"
#include "collectors/kernel/pcap.h"
#include "collectors/kernel/recording_audit.h"

namespace cnproc {

struct ReplayOptions {
  std::string path;
  double speed = 1;   // 2 = twice as fast, 0 = as fast as it is read
  bool loop = false;  // begin again at the end, with the clock running on
};

// Gives datagrams in the batches in which they were recorded, those of the two sockets in the order
// in which they happened, whoever recorded them had read first, and comm records before the events
// that they belong to. What was lost while recording is not in the file: it shows as gaps of the
// sequence numbers, which are searched for when the file is opened and told when the replay comes
// to them. Its clock is that of the recording.
class Replay final : public DatagramSource {
 public:
  static absl::StatusOr<std::unique_ptr<Replay>> Open(const ReplayOptions& options);

  void Wait(int wake_fd, int64_t timeout_ns) override;
  absl::StatusOr<SourceRead> Read(SocketId socket) override;
  int64_t NowNs() const override;
  int64_t UnixOffsetNs() const override { return unix_offset_ns_; }
  std::optional<uint64_t> KnownLosses() const override { return lost_; }
  absl::Status Ended() const override { return ended_; }
  absl::Status GivesNames() const override;

 private:
  // The file is read several times, side by side, so that neither socket's datagrams need to be
  // kept until the other's turn comes.
  struct Track {
    std::unique_ptr<PcapReader> reader;
    std::optional<RecordedDatagram> next;  // read ahead
    int64_t next_event_ns = 0;             // when it happened
    std::vector<RecordedDatagram> handed_out;
    std::vector<Datagram> datagrams;
  };

  explicit Replay(ReplayOptions options) : options_(std::move(options)) {}

  Track& track(SocketId socket) { return tracks_[static_cast<size_t>(socket)]; }
  absl::Status Begin();
  absl::Status ReadAhead(SocketId socket);
  void EndOrBeginAgain();
  // The gaps of this pass that had shown by then, by the recording's clock.
  void CountGaps(int64_t until_ns);
  bool IsDue(const RecordedDatagram& datagram) const;
  // What happened next, due or not; null at the end.
  const RecordedDatagram* Next() const;
  bool BelongsToThePast(const Track& names) const;
  SourceRead ReadNames();
  void HandOut(Track& track);

  const ReplayOptions options_;
  std::array<Track, kTrackCount> tracks_;
  bool has_names_ = false;
  size_t handed_out_since_drained_ = 0;
  absl::Status ended_;
  std::vector<RecordingGap> gaps_;
  size_t counted_gaps_ = 0;  // of this pass
  uint64_t lost_ = 0;
  int64_t loop_offset_ns_ = 0;   // added to all times of this pass
  int64_t first_ns_ = 0;         // the clock at the beginning
  int64_t newest_ns_ = 0;        // of what was handed out
  int64_t newest_event_ns_ = 0;  // and when that happened
  int64_t wall_start_ns_ = 0;    // CLOCK_MONOTONIC of this machine at the beginning
  std::atomic<int64_t> unix_offset_ns_{0};
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_REPLAY_H_
