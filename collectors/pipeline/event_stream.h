// SPDX-License-Identifier: Apache-2.0
// Reads the two sockets, decodes, merges, and accounts for every datagram.
#ifndef CNPROC_COLLECTORS_PIPELINE_EVENT_STREAM_H_
#define CNPROC_COLLECTORS_PIPELINE_EVENT_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collectors/kernel/cn_proc.h"
#include "collectors/kernel/datagram_source.h"
#include "collectors/kernel/sequence_audit.h"
#include "collectors/process/event.h"
#include "collectors/stream_stats.h"

namespace cnproc {

class BatchSink {
 public:
  virtual ~BatchSink() = default;
  // Events in the order in which they are to be applied, when they were received (the events'
  // clock), and the stream's numbers with these events in them. Valid during the call.
  virtual void OnBatch(std::span<const Event> events, int64_t received_ns,
                       const StreamStats& stats) = 0;
};

struct Round {
  bool drained = false;       // both sockets were read until they were empty, all of it was told
  bool life_drained = false;  // the life socket was; under a flood of attributes the other never is
  bool lost = false;          // the round found events to be lost,
  bool life_lost = false;     // and not of attributes alone
};

// Used by one thread. `source` and `sink` must outlive it.
class EventStream {
 public:
  EventStream(DatagramSource& source, BatchSink& sink, size_t max_cpus);

  // Tells that a new subscription was acknowledged: numbers of events start anew. `probe`: from
  // those in the answers to a probe, which this begins; else from the first events.
  absl::Status OnSubscribed(bool probe);

  // Reads what is queued, in bounded batches and of a bounded number. `thorough` gives the
  // attribute socket more than its share, for a scrape. An error is that of the source.
  absl::StatusOr<Round> ReadRound(bool thorough);

  // The owner adds what it alone knows (subscription, resyncs); told with the next batch.
  StreamStats& stats() { return stats_; }
  // Tells the sink the numbers alone.
  void Publish() { sink_.OnBatch({}, 0, stats_); }

 private:
  // Life events of one receive: they end before `end` of life_.
  struct Receipt {
    size_t end = 0;
    int64_t received_ns = 0;
  };

  absl::StatusOr<bool> ReadLife();
  absl::Status ReadAttributes(bool thorough);
  bool Take(const Datagram& datagram, std::vector<Event>& events);
  void Tell();
  void TellBatch(std::span<const Event> events, int64_t received_ns);
  std::span<const Event> WithAttributes(std::span<const Event> life);
  void MergeAttributesUntil(int64_t timestamp_ns);
  absl::Status AccountForLoss(bool drained, bool answered);
  void BeginTailProbe(uint64_t drops);
  absl::StatusOr<uint64_t> ReadDrops();

  DatagramSource& source_;
  BatchSink& sink_;
  StreamStats stats_;
  SequenceAudit audit_;

  std::vector<Event> life_;  // of this round
  std::vector<Receipt> receipts_;
  // Every life event that its process made before then is in life_ or was told.
  int64_t horizon_ns_ = 0;
  // Not told yet: a life event that is still queued may come before them.
  std::vector<Event> attributes_;
  size_t told_attributes_ = 0;
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
