// SPDX-License-Identifier: Apache-2.0
// What the machine tells beside the stream of events: /proc at an exec, exit records, the kernel's
// log, refused forks.
#ifndef CNPROC_COLLECTORS_PIPELINE_SIDE_SOURCES_H_
#define CNPROC_COLLECTORS_PIPELINE_SIDE_SOURCES_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collectors/collector.h"
#include "collectors/kernel/kmsg.h"
#include "collectors/kernel/process_reader.h"
#include "collectors/kernel/taskstats_socket.h"
#include "collectors/pipeline/refusal_sampler.h"
#include "collectors/process/event.h"
#include "collectors/process/exit_record_queue.h"
#include "collectors/process/process_facts.h"

namespace cnproc {

// Each is there or says why it is not; the rest works without it.
struct SideInputs {
  absl::StatusOr<ProcessReader> processes = absl::UnavailableError("not asked for");
  absl::StatusOr<TaskstatsSocket> exit_records = absl::UnavailableError("not asked for");
  absl::StatusOr<KmsgReader> kernel_log = absl::UnavailableError("not asked for");
  std::optional<RefusalSampler> refusals;
};

// Makes system calls; used by the collector thread alone, never with the pipeline's lock held
// (but for what reads no more than memory: the queue of records).
class SideSources {
 public:
  explicit SideSources(SideInputs sources);

  // Reads all that belongs to these events, which are not applied yet: /proc for every exec, as
  // long as the process is there; then exit records, for whoever is gone by now has sent one; and
  // the kernel's log, if a process was killed.
  void ReadFor(std::span<const Event> events, const ProgramRules& rules, int64_t now_ns);
  // Once a second.
  void Tick(int64_t now_ns);
  // Events were lost: until their records have aged, a record may be of an earlier process.
  void OnLoss(int64_t now_ns) { suspect_until_ns_ = now_ns + kRecordMaxAgeNs; }

  ProcessFacts Complete(const ProcessSnapshot& snapshot, const ProgramRules& rules);
  void Track(const ProcessFacts& facts);

  // Of the execs that ReadFor was given, in order.
  std::span<const ProcessFacts> execs() const { return execs_; }
  // Of the task's end, which is to come or is told at `now_ns`; see ExitRecordQueue.
  const ExitRecord* PeekRecord(const TaskLife& task, int64_t now_ns) {
    return records_.Peek(task, IsLossless(now_ns));
  }
  std::optional<ExitRecord> TakeRecord(const TaskLife& task, const Event& exit, int64_t now_ns);
  // What came since the last call.
  std::vector<OomKill> TakeKills() { return std::exchange(kills_, {}); }
  std::vector<Refusals> TakeRefusals() { return std::exchange(refusals_, {}); }

  const SideStats& stats() const { return stats_; }
  absl::Status processes_status() const { return sources_.processes.status(); }
  absl::Status exit_records_status() const { return sources_.exit_records.status(); }
  absl::Status kernel_log_status() const { return sources_.kernel_log.status(); }

 private:
  static constexpr int64_t kRecordMaxAgeNs = 60'000'000'000;

  // Where nothing was lost the order alone is exact.
  bool IsLossless(int64_t now_ns) const { return now_ns >= suspect_until_ns_; }
  void ReadRecords(int64_t now_ns);
  void ReadRecordDrops(int64_t now_ns);
  void ReadLog();

  SideInputs sources_;
  const size_t max_records_;
  ExitRecordQueue records_;
  int64_t suspect_until_ns_ = 0;
  std::vector<ProcessFacts> execs_;
  std::vector<ExitRecord> batch_;
  std::vector<OomKill> kills_;
  std::vector<Refusals> refusals_;
  SideStats stats_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PIPELINE_SIDE_SOURCES_H_
