// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/replay.h"

#include <poll.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "collectors/kernel/clock.h"
#include "collectors/kernel/cn_proc.h"

namespace cnproc {
namespace {

constexpr size_t kMaxDue = 1024;
// timestamp_ns within an event's datagram.
constexpr size_t kTimestampOffset = kConnectorHeaderBytes + 8;

void ShiftTimestamp(std::vector<std::byte>& bytes, int64_t offset_ns) {
  if (offset_ns == 0 || bytes.size() < kEventDatagramBytes) return;
  int64_t timestamp_ns = 0;
  std::memcpy(&timestamp_ns, bytes.data() + kTimestampOffset, sizeof(timestamp_ns));
  timestamp_ns += offset_ns;
  std::memcpy(bytes.data() + kTimestampOffset, &timestamp_ns, sizeof(timestamp_ns));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Replay>> Replay::Open(const ReplayOptions& options) {
  std::unique_ptr<Replay> replay(new Replay(options));
  absl::StatusOr<std::unique_ptr<PcapReader>> reader = PcapReader::Open(options.path);
  if (!reader.ok()) return reader.status();
  // A file that breaks off would otherwise be noticed hours later.
  RecordedDatagram datagram;
  bool any_event = false;
  for (absl::StatusOr<bool> more = true; *more;) {
    more = (*reader)->Next(datagram);
    if (!more.ok()) return more.status();
    if (!any_event && *more && datagram.received_ns > 0) {
      any_event = true;
      replay->first_ns_ = replay->newest_ns_ = datagram.received_ns;
      replay->unix_offset_ns_ = datagram.unix_ns - datagram.received_ns;
    }
  }
  if (!any_event) {
    return absl::DataLossError(
        absl::StrCat("cannot replay ", options.path, ": there is no event in it"));
  }
  absl::StatusOr<std::unique_ptr<PcapReader>> again = PcapReader::Open(options.path);
  if (!again.ok()) return again.status();
  replay->reader_ = *std::move(again);
  replay->wall_start_ns_ = MonotonicNs();
  if (absl::Status status = replay->ReadAhead(); !status.ok()) return status;
  return replay;
}

absl::Status Replay::ReadAhead() {
  RecordedDatagram datagram;
  const absl::StatusOr<bool> more = reader_->Next(datagram);
  next_.reset();
  if (!more.ok()) return more.status();
  if (!*more) return absl::OkStatus();
  ShiftTimestamp(datagram.bytes, loop_offset_ns_);
  // What carries no event has no time of its own and follows the datagram before it.
  datagram.received_ns =
      datagram.received_ns == 0 ? newest_ns_ : datagram.received_ns + loop_offset_ns_;
  next_ = std::move(datagram);
  return absl::OkStatus();
}

int64_t Replay::NowNs() const {
  if (options_.speed == 0) return newest_ns_;
  const auto elapsed_ns = static_cast<double>(MonotonicNs() - wall_start_ns_);
  return first_ns_ + static_cast<int64_t>(elapsed_ns * options_.speed);
}

bool Replay::IsDue(const RecordedDatagram& datagram) const {
  return options_.speed == 0 || datagram.received_ns <= NowNs();
}

void Replay::Wait(int wake_fd, int64_t timeout_ns) {
  if (next_ && IsDue(*next_)) return;
  if (next_) {
    const auto until_ns = static_cast<double>(next_->received_ns - NowNs()) / options_.speed;
    timeout_ns = std::min(timeout_ns, static_cast<int64_t>(until_ns));
  }
  pollfd fd = {.fd = wake_fd, .events = POLLIN, .revents = 0};
  const int64_t bounded_ns = std::max<int64_t>(timeout_ns, 0);
  const timespec timeout = {.tv_sec = bounded_ns / kNsPerSecond,
                            .tv_nsec = bounded_ns % kNsPerSecond};
  ppoll(&fd, 1, &timeout, nullptr);
}

void Replay::Fill() {
  while (next_ && due_[0].size() + due_[1].size() < kMaxDue && IsDue(*next_)) {
    newest_ns_ = std::max(newest_ns_, next_->received_ns);
    due_[static_cast<size_t>(next_->socket)].push_back(*std::move(next_));
    if (absl::Status status = ReadAhead(); !status.ok()) ended_ = status;
  }
  if (next_ || !ended_.ok() || !due_[0].empty() || !due_[1].empty()) return;
  if (options_.loop && BeginAgain()) return;
  ended_ = absl::UnavailableError(absl::StrCat("the replay of ", options_.path, " has ended"));
}

bool Replay::BeginAgain() {
  absl::StatusOr<std::unique_ptr<PcapReader>> reader = PcapReader::Open(options_.path);
  if (!reader.ok()) return false;
  reader_ = *std::move(reader);
  // The next pass begins a second after this one ended.
  loop_offset_ns_ = newest_ns_ - first_ns_ + kNsPerSecond;
  restarted_ = true;
  return ReadAhead().ok() && next_.has_value();
}

absl::StatusOr<SourceRead> Replay::Read(SocketId socket) {
  // Only once all was handed out, so that both sockets hold what came until the same time.
  if (due_[0].empty() && due_[1].empty()) Fill();
  const bool attributes = socket == SocketId::kAttribute;
  std::deque<RecordedDatagram>& due = due_[static_cast<size_t>(socket)];
  handed_out_.clear();
  datagrams_.clear();
  // What was received at once is given at once; of attributes all, since nothing floods here.
  while (!due.empty() && (attributes || handed_out_.empty() ||
                          due.front().received_ns == handed_out_.front().received_ns)) {
    handed_out_.push_back(std::move(due.front()));
    due.pop_front();
  }
  for (const RecordedDatagram& datagram : handed_out_) {
    datagrams_.push_back({.socket = datagram.socket,
                          .sender_port = datagram.sender_port,
                          .received_ns = datagram.received_ns,
                          .bytes = datagram.bytes});
  }
  return SourceRead{
      .outcome = datagrams_.empty() ? ReceiveOutcome::kEmpty : ReceiveOutcome::kDatagrams,
      // A life socket is drained once a read finds it empty, as the kernel's is.
      .may_have_more = !attributes && !datagrams_.empty(),
      .restarted = std::exchange(restarted_, false),
      .datagrams = datagrams_};
}

}  // namespace cnproc
