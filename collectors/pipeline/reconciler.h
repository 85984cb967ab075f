// SPDX-License-Identifier: Apache-2.0
// Compares the process table with /proc: at the start, and after every loss.
#ifndef CNPROC_COLLECTORS_PIPELINE_RECONCILER_H_
#define CNPROC_COLLECTORS_PIPELINE_RECONCILER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "collectors/base/log_sink.h"
#include "collectors/base/mutex.h"
#include "collectors/kernel/procfs.h"
#include "collectors/pipeline/ledger.h"
#include "collectors/pipeline/resync_schedule.h"
#include "collectors/pipeline/side_sources.h"

namespace cnproc {

// Reads /proc in steps, one a round, so that the stream is read in between; then waits until the
// events queued meanwhile are applied; then corrects the table. Used by the collector thread.
class Reconciler {
 public:
  struct Options {
    bool with_cgroups = false;  // facts need the processes' cgroups
    LogSink say;
  };
  // All outlive this.
  Reconciler(const ProcFs& procfs, SideSources& side, Guarded<Ledger>& ledger, Options options);

  // The table may differ from the machine, for this reason.
  void Request(ResyncReason reason) { schedule_.Request(reason); }
  // The rules of names changed: two comparisons by the new rules name living processes anew. The
  // second finds the children of processes that the first had yet to rename.
  void RequestRenaming() {
    renamings_wanted_ = 2;
    Request(ResyncReason::kReload);
  }

  // Call it after each round: makes one step, if one is due. `life_drained`: the round left nothing
  // unread in the life socket. Returns the reason of the comparison that this step completed, else
  // kNone.
  ResyncReason Step(bool life_drained, int64_t now_ns);
  // Another step is due at once.
  bool is_busy() const { return state_ != State::kIdle; }

 private:
  enum class State : uint8_t { kIdle, kReading, kAwaitingDrain };

  void Begin(int64_t now_ns);
  void Read(int64_t now_ns);
  ResyncReason Finish(int64_t now_ns);
  void GoOnWithout(const absl::Status& why, int64_t now_ns);
  void GiveUp(int64_t now_ns);
  void Drop();

  const ProcFs& procfs_;
  SideSources& side_;
  Guarded<Ledger>& ledger_;
  const Options options_;
  ResyncSchedule schedule_;
  State state_ = State::kIdle;
  std::unique_ptr<ProcessScan> scan_;  // null while idle
  std::vector<ProcessFacts> facts_;    // of the processes that scan_ has read
  int64_t began_ns_ = 0;
  int renamings_wanted_ = 0;
  bool renaming_ = false;  // by the scan that runs
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PIPELINE_RECONCILER_H_
