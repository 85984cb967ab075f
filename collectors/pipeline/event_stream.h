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

// Events in the order in which they are to be applied. Valid until the next call of the stream.
struct Batch {
  std::span<const Event> events;
  int64_t received_ns = 0;  // by the events' clock
  uint64_t round = 0;
  // Events that the same round has read and not delivered yet, of each socket in its order: they
  // happened before the machine is asked about this batch.
  std::span<const Event> life_ahead = {};
  std::span<const Event> attributes_ahead = {};
};

// The result of a round: of reading both sockets and delivering what was read.
struct Round {
  // Both sockets were read until they were empty, and all of it was delivered.
  bool drained = false;
  // The life socket was read until it was empty: in a flood of attributes only that ever is.
  bool life_drained = false;
  bool lost = false;       // the round found that events were lost
  bool life_lost = false;  // and that life events were or may be among them
};

// A round is begun, pulled batch by batch, and ended:
//   stream.BeginRound(thorough);
//   while (const std::optional<Batch> batch = stream.Next()) …
//   const absl::StatusOr<Round> round = stream.EndRound();
// Used by one thread. `source` must outlive it.
class EventStream {
 public:
  EventStream(DatagramSource& source, size_t max_cpus);

  // A new subscription was acknowledged, so the audit of sequence numbers starts anew. With `probe`
  // this begins a probe of every CPU, and the audit starts from the numbers in the answers; else
  // from those of the first events.
  absl::Status OnSubscribed(bool probe);

  // Reads what is queued, a bounded number. `thorough` gives the attribute socket more than its
  // share, for a scrape.
  void BeginRound(bool thorough);
  // Delivers each batch once and counts it in stats(); nothing once all of the round was delivered.
  std::optional<Batch> Next();
  // After the last batch: accounts for what was lost. An error is that of the source; the batches
  // before it are good.
  absl::StatusOr<Round> EndRound();

  // The owner adds what it alone knows (subscriptions, resyncs).
  StreamStats& stats() { return stats_; }
  const StreamStats& stats() const { return stats_; }

 private:
  // The life events that one call received: those in life_ from the end of the receipt before up to
  // `end`.
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

  // For every event up to then: what its process did earlier is in life_, or was delivered.
  int64_t horizon_ns_ = 0;
  // Read, and delivered up to delivered_attributes_. The others wait: a life event that is still
  // queued may have happened before them.
  std::vector<Event> attributes_;
  size_t delivered_attributes_ = 0;
  bool attributes_drained_ = true;
  int64_t attribute_reads_ = 0;           // full reads that may be made, see kAttributePaceNs
  int64_t attribute_reads_since_ns_ = 0;  // they were earned until then
  std::vector<Event> merged_;

  // What the answers that are on their way say: the first number of each CPU, or its last.
  enum class Probe : uint8_t { kNone, kBaselines, kTails } probe_ = Probe::kNone;
  uint64_t drops_before_probe_ = 0;
  int64_t probe_begun_ns_ = 0;
  int64_t next_probe_ns_ = 0;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PIPELINE_EVENT_STREAM_H_
