// SPDX-License-Identifier: Apache-2.0
#include "collectors/pipeline/event_stream.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <utility>

#include "absl/base/macros.h"
#include "collectors/base/time.h"

namespace cnproc {
namespace {

// A flood of attribute events costs 256 of them each 5 ms: 2.5 % of a CPU under eight floods. A
// burst is no flood: as many reads as were left out while there was less to read come on top.
constexpr int64_t kAttributePaceNs = 5 * kNsPerMs;
constexpr int64_t kMaxAttributeReads = 16;
// The collector thread has other duties than an endless storm.
constexpr int kMaxLifeReads = 32;
constexpr size_t kMaxWaitingAttributes = 8192;
constexpr int64_t kProbePaceNs = kNsPerSecond;
constexpr int64_t kProbeCostFactor = 20;

}  // namespace

EventStream::EventStream(DatagramSource& source, size_t max_cpus)
    : source_(source), audit_(max_cpus) {}

absl::Status EventStream::OnSubscribed(bool probe) {
  const absl::StatusOr<uint64_t> drops = ReadDrops();
  if (!drops.ok()) return drops.status();
  audit_.Restart(*drops);
  probe_ = probe && source_.BeginProbe() ? Probe::kBaselines : Probe::kNone;
  return absl::OkStatus();
}

void EventStream::BeginRound(bool thorough) {
  ABSL_ASSERT(all_delivered_);
  life_.clear();
  receipts_.clear();
  delivered_receipts_ = 0;
  all_delivered_ = false;
  ++round_;
  life_drained_ = false;
  read_ = ReadBoth(thorough);
}

// The life socket is read first and delivered last. An attribute event that happened after what is
// known of the life socket waits for the next round: a life event that comes before it may be
// queued by now. So the two sockets are one stream, in the order in which a process did things.
absl::Status EventStream::ReadBoth(bool thorough) {
  // What was sent before this round is read by it.
  answered_ = probe_ != Probe::kNone && !source_.IsProbing();
  const absl::StatusOr<bool> life_drained = ReadLife();
  if (!life_drained.ok()) return life_drained.status();
  life_drained_ = *life_drained;
  if (probe_ == Probe::kBaselines && answered_ && life_drained_) {
    const absl::StatusOr<uint64_t> drops = ReadDrops();
    if (!drops.ok()) return drops.status();
    audit_.EndBaselines(*drops);
    probe_ = Probe::kNone;
  }
  // From which number on each CPU is audited comes through the life socket, so the other one waits.
  if (probe_ == Probe::kBaselines) return absl::OkStatus();
  return ReadAttributes(thorough);
}

// The batches are those in which the life events were received, with the attributes merged in by
// timestamp; the last has the attributes that are left.
std::optional<Batch> EventStream::Next() {
  while (delivered_receipts_ < receipts_.size()) {
    const size_t begin = delivered_receipts_ == 0 ? 0 : receipts_[delivered_receipts_ - 1].end;
    const Receipt& receipt = receipts_[delivered_receipts_++];
    const std::span<const Event> events =
        WithAttributes(std::span(life_).subspan(begin, receipt.end - begin));
    if (!events.empty()) return MakeBatch(events, receipt.received_ns, receipt.end);
  }
  if (std::exchange(all_delivered_, true)) return std::nullopt;
  merged_.clear();
  MergeAttributesUntil(horizon_ns_);
  if (merged_.empty()) return std::nullopt;
  return MakeBatch(merged_, source_.NowNs(), life_.size());
}

Batch EventStream::MakeBatch(std::span<const Event> events, int64_t received_ns,
                             size_t life_delivered) {
  Count(events);
  return {.events = events,
          .received_ns = received_ns,
          .round = round_,
          .life_ahead = std::span(life_).subspan(life_delivered),
          .attributes_ahead = std::span(attributes_).subspan(delivered_attributes_)};
}

absl::StatusOr<Round> EventStream::EndRound() {
  ABSL_ASSERT(all_delivered_);
  if (!read_.ok()) return read_;
  const bool all_read = life_drained_ && probe_ != Probe::kBaselines && attributes_drained_;
  const uint64_t lost_before = stats_.lost();
  const uint64_t life_lost_before = stats_.life_lost();
  if (absl::Status status = AccountForLoss(all_read, answered_); !status.ok()) return status;
  return Round{.drained = all_read && delivered_attributes_ == attributes_.size(),
               .life_drained = life_drained_,
               .lost = stats_.lost() > lost_before,
               .life_lost = stats_.life_lost() > life_lost_before};
}

absl::StatusOr<bool> EventStream::ReadLife() {
  bool drained = false;
  uint64_t drops = stats_.dropped[SocketId::kLife];
  for (int reads = 0; reads < kMaxLifeReads && !drained; ++reads) {
    const int64_t before_read_ns = source_.NowNs();
    absl::StatusOr<SourceRead> read = source_.Read(SocketId::kLife);
    if (!read.ok()) return read.status();
    if (read->outcome == ReceiveOutcome::kOverrun) {
      ++stats_.overruns;
      continue;
    }
    for (const Datagram& datagram : read->datagrams) {
      if (!Take(datagram, life_)) continue;
      // A process that does something later than the newest had queued what it did before.
      horizon_ns_ = std::max(horizon_ns_, life_.back().timestamp_ns);
    }
    if (!read->datagrams.empty()) {
      receipts_.push_back(
          {.end = life_.size(), .received_ns = read->datagrams.front().received_ns});
    }
    drained = !read->may_have_more;
    if (drained && !read->datagrams.empty()) {
      // The error of an overrun ends a batch early: then the queue behind it is full.
      const absl::StatusOr<uint64_t> drops_now = source_.Drops(SocketId::kLife);
      if (!drops_now.ok()) return drops_now.status();
      drained = std::exchange(drops, *drops_now) == *drops_now;
    }
    if (drained) horizon_ns_ = std::max(horizon_ns_, before_read_ns);
  }
  return drained;
}

absl::Status EventStream::ReadAttributes(bool thorough) {
  attributes_.erase(attributes_.begin(),
                    attributes_.begin() + static_cast<std::ptrdiff_t>(delivered_attributes_));
  delivered_attributes_ = 0;
  const int64_t earned = (source_.NowNs() - attribute_reads_since_ns_) / kAttributePaceNs;
  attribute_reads_since_ns_ += earned * kAttributePaceNs;
  attribute_reads_ =
      thorough ? kMaxAttributeReads : std::min(attribute_reads_ + earned, kMaxAttributeReads);
  attributes_drained_ = false;
  while (attribute_reads_ > 0 && attributes_.size() <= kMaxWaitingAttributes) {
    absl::StatusOr<SourceRead> read = source_.Read(SocketId::kAttribute);
    if (!read.ok()) return read.status();
    if (read->outcome == ReceiveOutcome::kOverrun) {
      ++stats_.overruns;
      continue;
    }
    for (const Datagram& datagram : read->datagrams) Take(datagram, attributes_);
    attributes_drained_ = !read->may_have_more;
    if (attributes_drained_) break;
    --attribute_reads_;
  }
  return absl::OkStatus();
}

// With the batch that they are applied in, so that every cut agrees with itself.
void EventStream::Count(std::span<const Event> events) {
  for (const Event& event : events) {
    ++stats_.events[event.type];
    stats_.newest_event_ns = std::max(stats_.newest_event_ns, event.timestamp_ns);
  }
}

// Valid until the next call.
std::span<const Event> EventStream::WithAttributes(std::span<const Event> life) {
  if (delivered_attributes_ == attributes_.size()) return life;
  merged_.clear();
  for (const Event& event : life) {
    MergeAttributesUntil(event.timestamp_ns);
    merged_.push_back(event);
  }
  return merged_;
}

// Appends the event that the datagram is, if it is one.
bool EventStream::Take(const Datagram& datagram, std::vector<Event>& events) {
  const MessageHead message = DecodeConnectorMessage(datagram, events.emplace_back());
  const bool is_event = message.kind == MessageKind::kEvent;
  if (!is_event) events.pop_back();
  switch (message.kind) {
    case MessageKind::kMalformed:
      ++stats_.malformed;
      return false;
    case MessageKind::kForeignSender:
      ++stats_.foreign_sender;
      return false;
    case MessageKind::kAck:
      // An operation that does not exist is what a probe asks for.
      if (probe_ == Probe::kBaselines && message.ack_error == EINVAL) {
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
  return is_event;
}

void EventStream::MergeAttributesUntil(int64_t timestamp_ns) {
  while (delivered_attributes_ < attributes_.size() &&
         attributes_[delivered_attributes_].timestamp_ns <= timestamp_ns) {
    merged_.push_back(attributes_[delivered_attributes_++]);
  }
}

absl::StatusOr<uint64_t> EventStream::ReadDrops() {
  uint64_t sum = 0;
  for (const SocketId socket : {SocketId::kLife, SocketId::kAttribute}) {
    absl::StatusOr<uint64_t> drops = source_.Drops(socket);
    if (!drops.ok()) return drops.status();
    stats_.dropped[socket] = *drops;
    sum += *drops;
  }
  return sum;
}

absl::Status EventStream::AccountForLoss(bool drained, bool answered) {
  const absl::StatusOr<uint64_t> drops = ReadDrops();
  if (!drops.ok()) return drops.status();
  if (const std::optional<uint64_t> known = source_.KnownLosses()) {
    stats_.lost_in_kernel = *known;
    return absl::OkStatus();
  }
  if (!drained) return absl::OkStatus();
  if (probe_ == Probe::kTails && answered) {
    audit_.OnProbed(drops_before_probe_);
    probe_ = Probe::kNone;
    // On many busy CPUs it takes its time to come by all of them.
    const int64_t now_ns = source_.NowNs();
    next_probe_ns_ = now_ns + std::max(kProbePaceNs, kProbeCostFactor * (now_ns - probe_begun_ns_));
  }
  audit_.EndDrainedRound(*drops);
  stats_.lost_in_kernel = audit_.lost();
  if (audit_.wants_probe() && probe_ == Probe::kNone) BeginTailProbe(*drops);
  return absl::OkStatus();
}

void EventStream::BeginTailProbe(uint64_t drops) {
  const int64_t now_ns = source_.NowNs();
  if (now_ns < next_probe_ns_) return;
  if (!source_.BeginProbe()) {
    next_probe_ns_ = now_ns + kProbePaceNs;
    return;
  }
  drops_before_probe_ = drops;
  probe_begun_ns_ = now_ns;
  probe_ = Probe::kTails;
}

}  // namespace cnproc
