// SPDX-License-Identifier: Apache-2.0
// What is read from the machine beside the stream of events: /proc at an exec, exit records, the
// kernel's log, refused forks.
#ifndef CNPROC_COLLECTORS_PIPELINE_SIDE_SOURCES_H_
#define CNPROC_COLLECTORS_PIPELINE_SIDE_SOURCES_H_

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collectors/kernel/kmsg.h"
#include "collectors/kernel/process_reader.h"
#include "collectors/kernel/taskstats_socket.h"
#include "collectors/kernel/usage_reader.h"
#include "collectors/pipeline/exec_facts.h"
#include "collectors/pipeline/refusal_sampler.h"
#include "collectors/pipeline/side_evidence.h"
#include "collectors/process/event.h"
#include "collectors/process/process_facts.h"
#include "collectors/process/process_use.h"
#include "collectors/process/program_rules.h"

namespace cnproc {

// Each source is open, or its status says why not; the others work without it.
struct SideInputs {
  absl::StatusOr<ProcessReader> processes = absl::UnavailableError("not asked for");
  absl::StatusOr<TaskstatsSocket> exit_records = absl::UnavailableError("not asked for");
  absl::StatusOr<KmsgReader> kernel_log = absl::UnavailableError("not asked for");
  absl::StatusOr<UsageReader> usage = absl::UnavailableError("not asked for");
  std::optional<RefusalSampler> refusals;
};

// Makes system calls; used by the collector thread alone, never with a lock held.
class SideSources {
 public:
  // `names` is where comm records come from, see ExecFacts. It must outlive this.
  SideSources(SideInputs inputs, DatagramSource& names);

  // In force from the next exec on.
  void SetRules(const ProgramRules& rules) { execs_.SetRules(rules); }

  // Reads what belongs to these events before they are applied, in this order: the names of
  // programs and /proc for every exec, while the process is still there; then exit records, because
  // by now whoever is gone has sent one; then the kernel's log, if a process was killed. Valid
  // until the next call.
  const SideEvidence& Gather(const Batch& batch);
  // Reads, once a second, what came without an event. Valid until the next call.
  const SideEvidence& GatherAtTick();

  // Life events until then were lost.
  void OnEventsLost(int64_t until_ns) { execs_.OnEventsLost(until_ns); }
  // After a round: see ExecFacts.
  void LookAtChildren(int64_t now_ns) { execs_.LookAtChildren(now_ns); }
  std::optional<int64_t> NextLookNs() { return execs_.NextLookNs(); }

  // The facts of a process that a scan saw.
  ProcessFacts Complete(const ProcessSnapshot& snapshot);

  // What living processes have used, as far as there is a reader. A sweep goes through all of them.
  void BeginSweep() { inputs_.usage->AdjustClock(); }
  void ReadUsage(std::span<const pid_t> tgids, std::vector<UsageSample>& samples);
  void SetOldestSample(int64_t age_ns) { evidence_.stats.oldest_sample_ns = age_ns; }

  // The most exit records that can wait for their events.
  size_t max_exit_records() const { return max_exit_records_; }
  absl::Status processes_status() const { return execs_.processes_status(); }
  absl::Status names_status() const { return execs_.names_status(); }
  absl::Status exit_records_status() const { return inputs_.exit_records.status(); }
  absl::Status kernel_log_status() const { return inputs_.kernel_log.status(); }
  absl::Status usage_status() const { return inputs_.usage.status(); }

 private:
  void Clear();
  void ReadExitRecords();
  void ReadExitRecordDrops();
  void ReadLog();
  void Track(const ProcessFacts& facts);

  SideInputs inputs_;
  const size_t max_exit_records_;
  ExecFacts execs_;
  SideEvidence evidence_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PIPELINE_SIDE_SOURCES_H_
