// SPDX-License-Identifier: Apache-2.0
// Reads the two sockets, decodes, merges, and accounts for every datagram.
#ifndef CNPROC_COLLECTORS_PIPELINE_EVENT_STREAM_H_
#define CNPROC_COLLECTORS_PIPELINE_EVENT_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collectors/cut.h"
#include "collectors/kernel/cn_proc.h"
#include "collectors/kernel/datagram_source.h"
#include "collectors/kernel/sequence_audit.h"
#include "collectors/process/event.h"

namespace cnproc {

// Events in the order in which they are to be applied, and when they were received (the events'
// clock). Valid until the next call of the stream.
struct Batch {
  std::span<const Event> events;
  int64_t received_ns = 0;
  uint64_t round = 0;
  // Of the same round, read and not delivered yet, each in its order: what happened before the
  // machine is asked about this batch.
  std::span<const Event> life_ahead = {};
  std::span<const Event> attributes_ahead = {};
};

// What a reading of both sockets came to.
struct Round {
  bool drained = false;  // both sockets were read until they were empty, all of it was delivered
  bool life_drained = false;  // the life socket was; under a flood of attributes the other never is
  bool lost = false;          // the round found events to be lost,
  bool life_lost = false;     // and not of attributes alone
};

// A round is begun, pulled batch by batch, and ended:
//   stream.BeginRound(thorough);
//   while (const std::optional<Batch> batch = stream.Next()) …
//   const absl::StatusOr<Round> round = stream.EndRound();
// Used by one thread. `source` must outlive it.
class EventStream {
 public:
  EventStream(DatagramSource& source, size_t max_cpus);

  // A new subscription was acknowledged: numbers of events start anew. `probe`: from those in the
  // answers to a probe, which this begins; else from the first events.
  absl::Status OnSubscribed(bool probe);

  // Reads what is queued, a bounded number. `thorough` gives the attribute socket more than its
  // share, for a scrape.
  void BeginRound(bool thorough);
  // Every batch once, and in stats() from then on; nothing once all of the round was delivered.
  std::optional<Batch> Next();
  // After the last batch: accounts for what was lost. An error is that of the source, which may
  // have come after some batches.
  absl::StatusOr<Round> EndRound();

  // The owner adds what it alone knows (subscriptions, resyncs).
  StreamStats& stats() { return stats_; }
  const StreamStats& stats() const { return stats_; }

 private:
  // Life events of one receive: they end before `end` of life_.
  struct Receipt {
    size_t end = 0;
    int64_t received_ns = 0;
  };

  absl::Status ReadBoth(bool thorough);
  absl::StatusOr<bool> ReadLife();
  absl::Status ReadAttributes(bool thorough);
  bool Take(const Datagram& datagram, std::vector<Event>& events);
  Batch MakeBatch(std::span<const Event> events, int64_t received_ns, size_t life_delivered);
  void Count(std::span<const Event> events);
  std::span<const Event> WithAttributes(std::span<const Event> life);
  void MergeAttributesUntil(int64_t timestamp_ns);
  absl::Status AccountForLoss(bool drained, bool answered);
  void BeginTailProbe(uint64_t drops);
  absl::StatusOr<uint64_t> ReadDrops();

  DatagramSource& source_;
  StreamStats stats_;
  SequenceAudit audit_;

  // The round.
  absl::Status read_;          // how the reading ended
  bool life_drained_ = false;  // by it
  bool answered_ = false;      // the probe was, before the round began
  std::vector<Event> life_;
  std::vector<Receipt> receipts_;
  size_t delivered_receipts_ = 0;
  uint64_t round_ = 0;
  bool all_delivered_ = true;

  // Every life event that its process made before then is in life_ or was delivered.
  int64_t horizon_ns_ = 0;
  // Those not delivered yet wait: a life event that is still queued may come before them.
  std::vector<Event> attributes_;
  size_t delivered_attributes_ = 0;
  bool attributes_drained_ = true;
  int64_t attribute_reads_ = 0;           // full ones that may still be made,
  int64_t attribute_reads_since_ns_ = 0;  // earned until then
  std::vector<Event> merged_;

  // What the answers tell that are on their way: the first number of each CPU, or its last.
  enum class Probe : uint8_t { kNone, kBaselines, kTails } probe_ = Probe::kNone;
  uint64_t drops_before_probe_ = 0;
  int64_t probe_begun_ns_ = 0;
  int64_t next_probe_ns_ = 0;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PIPELINE_EVENT_STREAM_H_
