// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/replay.h"

#include <poll.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "collectors/base/time.h"
#include "collectors/kernel/cn_proc.h"
#include "collectors/kernel/comm_message.h"

namespace cnproc {
namespace {

// After so many datagrams the sockets are said to be empty, as the kernel's are now and then.
constexpr size_t kMaxUndrained = 1024;
// timestamp_ns within an event's datagram; in a comm record's it stands last.
constexpr size_t kTimestampOffset = kConnectorHeaderBytes + 8;
// Read from the rings of several CPUs they are in the file only about in the order of their times.
// To come too early does no harm: each is matched by its time.
constexpr int64_t kNamesAheadNs = kNsPerSecond / 10;
constexpr size_t kMaxNamesAtOnce = 1 << 14;

void ShiftTimestamp(SocketId socket, std::vector<std::byte>& bytes, int64_t offset_ns) {
  uint64_t timestamp_ns = 0;
  if (offset_ns == 0 || bytes.size() < kConnectorHeaderBytes) return;
  if (socket != SocketId::kComm && bytes.size() < kEventDatagramBytes) return;
  std::byte* const at =
      bytes.data() +
      (socket == SocketId::kComm ? bytes.size() - sizeof(timestamp_ns) : kTimestampOffset);
  std::memcpy(&timestamp_ns, at, sizeof(timestamp_ns));
  timestamp_ns += static_cast<uint64_t>(offset_ns);
  std::memcpy(at, &timestamp_ns, sizeof(timestamp_ns));
}

int64_t SaturatingAdd(int64_t a, int64_t b) {
  int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

void AddTo(RecordingAudit& audit, const RecordedDatagram& datagram) {
  const Message message = DecodeConnectorMessage(
      {.socket = datagram.socket, .sender_port = datagram.sender_port, .bytes = datagram.bytes});
  if (message.kind == MessageKind::kMalformed || message.kind == MessageKind::kForeignSender) {
    return;
  }
  audit.OnMessage({.socket = datagram.socket,
                   .cpu = message.cpu,
                   .sequence = message.sequence,
                   .received_ns = datagram.received_ns,
                   .happened_ns = message.event.timestamp_ns});
}

}  // namespace

absl::StatusOr<std::unique_ptr<Replay>> Replay::Open(const ReplayOptions& options) {
  std::unique_ptr<Replay> replay(new Replay(options));
  absl::StatusOr<std::unique_ptr<PcapReader>> reader = PcapReader::Open(options.path);
  if (!reader.ok()) return reader.status();
  // A file that breaks off would otherwise be noticed hours later.
  RecordedDatagram datagram;
  RecordingAudit audit;
  bool any_event = false;
  for (absl::StatusOr<bool> more = true; *more;) {
    more = (*reader)->Next(datagram);
    if (!more.ok()) return more.status();
    if (*more && datagram.socket == SocketId::kComm) {
      replay->has_names_ = true;
      continue;
    }
    if (*more) AddTo(audit, datagram);
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
  replay->gaps_ = audit.TakeGaps();
  replay->wall_start_ns_ = MonotonicNs();
  if (absl::Status status = replay->Begin(); !status.ok()) return status;
  return replay;
}

absl::Status Replay::GivesNames() const {
  if (has_names_) return absl::OkStatus();
  return absl::UnavailableError("the recording has no names of programs");
}

absl::Status Replay::Begin() {
  for (const SocketId socket : {SocketId::kLife, SocketId::kAttribute, SocketId::kComm}) {
    if (socket == SocketId::kComm && !has_names_) continue;
    absl::StatusOr<std::unique_ptr<PcapReader>> reader = PcapReader::Open(options_.path);
    if (!reader.ok()) return reader.status();
    track(socket).reader = *std::move(reader);
    if (absl::Status status = ReadAhead(socket); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Replay::ReadAhead(SocketId socket) {
  Track& track = this->track(socket);
  track.next.reset();
  RecordedDatagram datagram;
  do {
    const absl::StatusOr<bool> more = track.reader->Next(datagram);
    if (!more.ok()) return more.status();
    if (!*more) return absl::OkStatus();
  } while (datagram.socket != socket);
  ShiftTimestamp(socket, datagram.bytes, loop_offset_ns_);
  // What a file claims may be any number.
  if (datagram.received_ns != 0) {
    datagram.received_ns = SaturatingAdd(datagram.received_ns, loop_offset_ns_);
  }
  if (socket == SocketId::kComm) {
    track.next_event_ns = DecodeCommMessage(datagram.bytes).timestamp_ns;
    track.next = std::move(datagram);
    return absl::OkStatus();
  }
  const Message message = DecodeConnectorMessage(
      {.socket = socket, .sender_port = datagram.sender_port, .bytes = datagram.bytes});
  // What carries no event of the kernel's has no time of its own and follows what came before it.
  if (message.kind == MessageKind::kEvent) {
    track.next_event_ns = message.event.timestamp_ns;
  } else {
    datagram.received_ns = newest_ns_;
  }
  track.next = std::move(datagram);
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

const RecordedDatagram* Replay::Next() const {
  const Track* next = nullptr;
  for (const SocketId socket : {SocketId::kLife, SocketId::kAttribute}) {
    const Track& track = tracks_[static_cast<size_t>(socket)];
    if (!track.next) continue;
    if (next == nullptr || track.next_event_ns <= next->next_event_ns) next = &track;
  }
  return next == nullptr ? nullptr : &*next->next;
}

void Replay::Wait(int wake_fd, int64_t timeout_ns) {
  if (const RecordedDatagram* next = Next()) {
    if (IsDue(*next)) return;
    const auto until_ns = static_cast<double>(next->received_ns - NowNs()) / options_.speed;
    timeout_ns = std::min(timeout_ns, static_cast<int64_t>(until_ns));
  }
  pollfd fd = {.fd = wake_fd, .events = POLLIN, .revents = 0};
  const int64_t bounded_ns = std::max<int64_t>(timeout_ns, 0);
  const timespec timeout = {.tv_sec = bounded_ns / kNsPerSecond,
                            .tv_nsec = bounded_ns % kNsPerSecond};
  ppoll(&fd, 1, &timeout, nullptr);
}

void Replay::EndOrBeginAgain() {
  if (tracks_[0].next || tracks_[1].next || !ended_.ok()) return;
  CountGaps(INT64_MAX);
  if (options_.loop) {
    // The next pass begins a second after this one ended.
    loop_offset_ns_ = newest_ns_ - first_ns_ + kNsPerSecond;
    counted_gaps_ = 0;
    ended_ = Begin();
    return;
  }
  ended_ = absl::UnavailableError(absl::StrCat("the replay of ", options_.path, " has ended"));
}

void Replay::CountGaps(int64_t until_ns) {
  for (; counted_gaps_ < gaps_.size() && gaps_[counted_gaps_].shown_ns <= until_ns;
       ++counted_gaps_) {
    lost_ += gaps_[counted_gaps_].count;
  }
}

bool Replay::BelongsToThePast(const Track& names) const {
  return names.next_event_ns <= SaturatingAdd(newest_event_ns_, kNamesAheadNs);
}

SourceRead Replay::ReadNames() {
  Track& track = this->track(SocketId::kComm);
  track.handed_out.clear();
  while (track.next && BelongsToThePast(track) && track.handed_out.size() < kMaxNamesAtOnce) {
    track.handed_out.push_back(*std::move(track.next));
    if (absl::Status status = ReadAhead(SocketId::kComm); !status.ok()) ended_ = status;
  }
  HandOut(track);
  return {.outcome = track.datagrams.empty() ? ReceiveOutcome::kEmpty : ReceiveOutcome::kDatagrams,
          .may_have_more = track.next && BelongsToThePast(track),
          .datagrams = track.datagrams};
}

void Replay::HandOut(Track& track) {
  track.datagrams.clear();
  for (const RecordedDatagram& datagram : track.handed_out) {
    track.datagrams.push_back({.socket = datagram.socket,
                               .sender_port = datagram.sender_port,
                               .received_ns = datagram.received_ns,
                               .bytes = datagram.bytes});
  }
}

absl::StatusOr<SourceRead> Replay::Read(SocketId socket) {
  if (socket == SocketId::kComm) return ReadNames();
  if (socket == SocketId::kLife) EndOrBeginAgain();
  Track& track = this->track(socket);
  track.handed_out.clear();
  const RecordedDatagram* next = Next();
  // What was received at once is given at once, within bounds: a file can say anything.
  for (; next != nullptr && next->socket == socket && IsDue(*next) &&
         track.handed_out.size() < kMaxUndrained &&
         (track.handed_out.empty() || next->received_ns == track.handed_out.front().received_ns);
       next = Next()) {
    newest_ns_ = std::max(newest_ns_, next->received_ns);
    newest_event_ns_ = std::max(newest_event_ns_, track.next_event_ns);
    track.handed_out.push_back(*std::move(track.next));
    if (absl::Status status = ReadAhead(socket); !status.ok()) ended_ = status;
  }
  HandOut(track);
  CountGaps(newest_ns_ - loop_offset_ns_);
  handed_out_since_drained_ += track.datagrams.size();
  const bool more_is_due = next != nullptr && IsDue(*next);
  const bool drained =
      socket == SocketId::kAttribute || !more_is_due || handed_out_since_drained_ >= kMaxUndrained;
  if (drained && socket == SocketId::kLife) handed_out_since_drained_ = 0;
  return SourceRead{
      .outcome = track.datagrams.empty() ? ReceiveOutcome::kEmpty : ReceiveOutcome::kDatagrams,
      .may_have_more = !drained,
      .datagrams = track.datagrams};
}

}  // namespace cnproc
