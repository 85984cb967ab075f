// SPDX-License-Identifier: Apache-2.0
// What the machine says of the programs that a batch of events begins: their names, cgroups, and
// what the operator's rules make of them.
#ifndef CNPROC_COLLECTORS_PIPELINE_EXEC_FACTS_H_
#define CNPROC_COLLECTORS_PIPELINE_EXEC_FACTS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collectors/base/pid.h"
#include "collectors/cut.h"
#include "collectors/kernel/datagram_source.h"
#include "collectors/kernel/process_reader.h"
#include "collectors/pipeline/early_cgroups.h"
#include "collectors/pipeline/event_stream.h"
#include "collectors/process/comm_record_queue.h"
#include "collectors/process/process_facts.h"
#include "collectors/who/process_namer.h"

namespace cnproc {

// The name of a program is that of the exec's comm record. Where no record came (no permission to
// open the rings, or no room in one), it is what /proc says at once, unless something is known that
// happened to the process since: then /proc may speak of another program. Of an exec that is under
// way nothing is known: the kernel sets the comm in begin_new_exec and sends the event later, and who
// reads in between takes the next program's name.
//
// Makes system calls; used by one thread.
class ExecFacts {
 public:
  // `names` gives comm records if its GivesNames is OK. It must outlive this.
  ExecFacts(absl::StatusOr<ProcessReader> processes, DatagramSource& names);

  // In force from the next exec on.
  void SetRules(const ProgramRules& rules) { namer_.SetRules(rules); }

  // Appends facts for each EXEC of the batch; none where nothing can be known. Counts in `stats`.
  void Read(const Batch& batch, std::vector<ProcessFacts>& facts, SideStats& stats);
  // Takes in what the kernel has recorded, so that it has room for more. Call it now and then.
  void ReadNames(SideStats& stats);
  // Reads the cgroups of children that may be about to exec, as far as they are due: see
  // EarlyCgroups.
  void LookAtChildren(int64_t now_ns);
  std::optional<int64_t> NextLookNs() { return early_cgroups_.NextDueNs(); }
  // Life events until then were lost.
  void OnEventsLost(int64_t until_ns) { records_.OnEventsLost(until_ns); }

  // The facts of a process that a scan found.
  ProcessFacts Complete(const ProcessSnapshot& snapshot);

  absl::Status processes_status() const { return processes_.status(); }
  // OK if programs can be named.
  absl::Status names_status() const;

 private:
  bool reads_cgroups() const { return processes_.ok() && processes_->options().cgroup; }
  // What happened to a process with one id, as far as the round has read.
  struct Happening {
    int64_t timestamp_ns = 0;
    enum class What : uint8_t { kForked, kExeced, kRenamed } what = What::kForked;
  };
  using Happenings = absl::InlinedVector<Happening, 2>;
  // An exec for which /proc was asked about a program.
  struct Asked {
    size_t facts = 0;  // its index
    pid_t tgid = 0;
    int64_t exec_ns = 0;
    std::optional<CommRecord> record;
  };

  void OnFork(const Event& fork);
  void OnLeaderExit(pid_t tgid);
  // Whether the process sets up a container from now on.
  bool IsRuntime(pid_t tgid, std::string_view comm, ProcessReader::Files& files);
  ProcessFacts ReadExec(const Event& exec, const Batch& batch, size_t index);
  void Name(const Event& exec, const Batch& batch, const std::optional<CommRecord>& record,
            ProcessReader::Files& files, ProcessFacts& facts);
  // Of the facts that /proc was asked for: takes back those that may be about the next program of
  // the process, because a record of that program's exec has come since.
  void TakeBackDoubtful(std::vector<ProcessFacts>& facts, SideStats& stats);
  ProcessNamer::Since SinceExec(const Event& exec, const Batch& batch);
  void LearnHappenings(const Batch& batch);
  void Learn(std::span<const Event> events);

  absl::StatusOr<ProcessReader> processes_;
  DatagramSource& names_;
  const bool gives_names_;
  ProcessNamer namer_;
  CommRecordQueue records_;
  EarlyCgroups early_cgroups_;
  absl::flat_hash_set<pid_t> runtimes_;  // processes that set up a container, by tgid
  std::vector<Asked> asked_;
  absl::flat_hash_map<pid_t, Happenings> happenings_;  // by tgid, of the round
  uint64_t happenings_round_ = 0;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PIPELINE_EXEC_FACTS_H_
