// SPDX-License-Identifier: Apache-2.0
#include "collectors/event_stream.h"

#include <algorithm>
#include <cerrno>
#include <limits>

#include "collectors/kernel/clock.h"

namespace cnproc {
namespace {

// A flood of attribute events costs 256 of them each 5 ms: 2.5 % of a CPU under eight floods.
constexpr int64_t kAttributePaceNs = 5 * kNsPerMs;
constexpr int kThoroughAttributeReads = 16;
// The collector thread has other duties than an endless storm.
constexpr int kMaxLifeReads = 128;
constexpr int64_t kProbePaceNs = kNsPerSecond;

}  // namespace

EventStream::EventStream(DatagramSource& source, BatchSink& sink, size_t max_cpus)
    : source_(source), sink_(sink), audit_(max_cpus) {}

absl::Status EventStream::OnSubscribed() {
  const absl::StatusOr<uint64_t> drops = ReadDrops();
  if (!drops.ok()) return drops.status();
  audit_.Restart(*drops);
  baseline_pending_ = true;
  probing_ = false;
  return absl::OkStatus();
}

absl::StatusOr<Round> EventStream::ReadRound(bool thorough) {
  // The answers to the first probe say from which number on each CPU is audited; they come through
  // the life socket, so the other one waits until they are read.
  if (!baseline_pending_) {
    if (absl::Status status = ReadAttributes(thorough); !status.ok()) return status;
  }
  absl::StatusOr<bool> life_drained = ReadLife();
  if (!life_drained.ok()) return life_drained.status();
  const bool numbered = !baseline_pending_;
  if (*life_drained) baseline_pending_ = false;
  const bool drained = *life_drained && attributes_drained_ && numbered;
  absl::StatusOr<bool> lost = AccountForLoss(drained);
  if (!lost.ok()) return lost.status();
  Publish();
  return Round{.drained = drained, .life_drained = *life_drained && numbered, .lost = *lost};
}

absl::Status EventStream::ReadAttributes(bool thorough) {
  if (merged_attributes_ < attributes_.size()) return absl::OkStatus();
  attributes_.clear();
  merged_attributes_ = 0;
  const int64_t now_ns = source_.NowNs();
  if (!attributes_drained_ && !thorough && now_ns - attributes_read_ns_ < kAttributePaceNs) {
    return absl::OkStatus();
  }
  attributes_read_ns_ = now_ns;
  attributes_drained_ = false;
  for (int reads = thorough ? kThoroughAttributeReads : 1; reads > 0; --reads) {
    absl::StatusOr<SourceRead> read = source_.Read(SocketId::kAttribute);
    if (!read.ok()) return read.status();
    if (read->outcome == ReceiveOutcome::kOverrun) {
      ++stats_.overruns;
      ++reads;  // only tells; the queue is still to be read
      continue;
    }
    if (read->restarted) audit_.Restart(stats_.dropped[0] + stats_.dropped[1]);
    for (const Datagram& datagram : read->datagrams) {
      const Message message = Take(datagram);
      if (message.kind == MessageKind::kEvent) attributes_.push_back(message.event);
    }
    if (!read->may_have_more) {
      attributes_drained_ = true;
      break;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> EventStream::ReadLife() {
  bool drained = false;
  for (int reads = 0; reads < kMaxLifeReads && !drained; ++reads) {
    absl::StatusOr<SourceRead> read = source_.Read(SocketId::kLife);
    if (!read.ok()) return read.status();
    if (read->outcome == ReceiveOutcome::kOverrun) {
      ++stats_.overruns;
      continue;
    }
    drained = !read->may_have_more;
    batch_.clear();
    for (const Datagram& datagram : read->datagrams) {
      const Message message = Take(datagram);
      if (message.kind != MessageKind::kEvent) continue;
      AppendAttributesUntil(message.event.timestamp_ns);
      Append(message.event);
    }
    // What is left of the other socket's batch is newer than all that this socket held.
    if (drained) AppendAttributesUntil(std::numeric_limits<int64_t>::max());
    if (batch_.empty()) continue;
    sink_.OnBatch(batch_,
                  read->datagrams.empty() ? source_.NowNs() : read->datagrams.front().received_ns,
                  stats_);
  }
  return drained;
}

Message EventStream::Take(const Datagram& datagram) {
  const Message message = DecodeConnectorMessage(datagram);
  switch (message.kind) {
    case MessageKind::kMalformed:
      ++stats_.malformed;
      return message;
    case MessageKind::kForeignSender:
      ++stats_.foreign_sender;
      return message;
    case MessageKind::kAck:
      // An operation that does not exist is what a probe asks for.
      if (baseline_pending_ && message.ack_error == EINVAL) {
        audit_.SetBaseline(message.cpu, message.sequence);
      } else {
        audit_.OnMessage(message.cpu, message.sequence);
      }
      break;
    case MessageKind::kUnknownEvent:
      ++stats_.unknown_event;
      audit_.OnMessage(message.cpu, message.sequence);
      break;
    case MessageKind::kEvent:
      audit_.OnMessage(message.cpu, message.sequence);
      break;
  }
  ++stats_.messages;
  return message;
}

// Counted with the batch that it is applied in, so that every cut agrees with itself.
void EventStream::Append(const Event& event) {
  ++stats_.events[static_cast<size_t>(event.type)];
  stats_.newest_event_ns = std::max(stats_.newest_event_ns, event.timestamp_ns);
  batch_.push_back(event);
}

void EventStream::AppendAttributesUntil(int64_t timestamp_ns) {
  while (merged_attributes_ < attributes_.size() &&
         attributes_[merged_attributes_].timestamp_ns <= timestamp_ns) {
    Append(attributes_[merged_attributes_++]);
  }
}

absl::StatusOr<uint64_t> EventStream::ReadDrops() {
  uint64_t sum = 0;
  for (const SocketId socket : {SocketId::kLife, SocketId::kAttribute}) {
    absl::StatusOr<uint64_t> drops = source_.Drops(socket);
    if (!drops.ok()) return drops.status();
    stats_.dropped[static_cast<size_t>(socket)] = *drops;
    sum += *drops;
  }
  return sum;
}

absl::StatusOr<bool> EventStream::AccountForLoss(bool drained) {
  const uint64_t lost_before = stats_.lost();
  const absl::StatusOr<uint64_t> drops = ReadDrops();
  if (!drops.ok()) return drops.status();
  if (drained) {
    if (probing_) {
      audit_.OnProbed(drops_before_probe_);
      probing_ = false;
    }
    audit_.EndDrainedRound(*drops);
    stats_.lost_in_kernel = audit_.lost();
    if (audit_.wants_probe() && source_.NowNs() - probed_ns_ >= kProbePaceNs) {
      drops_before_probe_ = *drops;
      probed_ns_ = source_.NowNs();
      if (absl::Status status = source_.Probe(); !status.ok()) return status;
      probing_ = true;
    }
  }
  return stats_.lost() > lost_before;
}

}  // namespace cnproc
