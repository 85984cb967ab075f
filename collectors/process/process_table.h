// SPDX-License-Identifier: Apache-2.0
// Every living process and its threads, by the events of the connector. Pure: no I/O, no clock.
#ifndef CNPROC_COLLECTORS_PROCESS_PROCESS_TABLE_H_
#define CNPROC_COLLECTORS_PROCESS_PROCESS_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "collectors/base/pid.h"
#include "collectors/process/change.h"
#include "collectors/process/event.h"
#include "collectors/process/group_status.h"

namespace cnproc {

// Turns events into changes. At every moment
//   appeared (also before the first scan) + forked - ended - vanished = processes().
// A process ends with its last thread, with the status that wait(2) gives (see GroupStatus), and
// never before its start. Not thread safe: one thread owns it.
//
// The kernel frees an id before it sends the EXIT event of the task that had it, so another CPU can
// give the id to a new task and send that FORK first (1 of 8,000 where two programs fight for one
// pid; Linux 6.18). The earlier holder has then given way, and is not gone until its EXIT comes.
// Which of the two an EXIT belongs to is decided by its timestamp and by the parent in it, which
// the kernel leaves out for a task that was reaped.
class ProcessTable {
 public:
  // So many processes that gave way to another with their id may wait for their EXIT, in addition
  // to max_tasks. Where more of these are lost, the scan that follows the loss settles the rest.
  static constexpr size_t kMaxFormers = 1024;
  // Start times in /proc are whole clock ticks (10 ms) of another clock. No pid comes round again
  // within this time.
  static constexpr int64_t kStartToleranceNs = 50'000'000;

  // Holds at most `max_tasks` processes and threads. A process beyond is given up at once and
  // vanishes, a thread beyond is not kept; both count in evictions(). `sink` must outlive the
  // table.
  ProcessTable(size_t max_tasks, ChangeSink& sink);

  // What `evidence` points at is read until the call returns: each change has the facts and the
  // record that belong to it.
  void Apply(const Event& event, const Evidence& evidence);

  // Emits what has waited long enough by `now_ns`; call it as time passes. Two things wait:
  // - an escalation, because the exec of a set-uid program changes the uid before the kernel sends
  //   the EXEC event, and the escalation belongs to that program;
  // - a process that gave way to another with its id: it has vanished if its EXIT does not come.
  void EmitDue(int64_t now_ns);

  // A scan of /proc takes longer than the time between two events. From BeginScan on the table
  // remembers whom events touched, so that Reconcile knows which differences are news and which
  // are only the scan's age. Call Reconcile after the events queued during the scan are applied.
  // The first scan completes the table; from then on every difference is one that events missed.
  // `facts` are of the snapshots, one each, or empty where nobody asked.
  void BeginScan(int64_t now_ns);
  void AbandonScan();
  void Reconcile(std::span<const ProcessSnapshot> snapshots, std::span<const ProcessFacts> facts);
  // The same in pieces, with no event in between: all snapshots, some at a time, and then the end.
  void ReconcileSome(std::span<const ProcessSnapshot> snapshots,
                     std::span<const ProcessFacts> facts);
  void EndReconcile();
  // As far as can be known it holds who lived before the first event: it was reconciled once.
  bool is_complete() const { return complete_; }
  // False once more tasks were touched during a scan than are worth remembering: abandon it.
  bool scan_is_bounded() const {
    return touched_.size() + ended_threads_.size() + ended_processes_.size() + execed_.size() <
           max_tasks_;
  }

  // The life of the task that the event happened to.
  TaskLife LifeOf(const Event& event) const;

  const Process* Find(pid_t tgid) const;
  // Whether what /proc says of a start may be said of this process. It can only be later than ours
  // if the id was given to another: while the machine sleeps the two clocks part, which makes the
  // same start look earlier.
  static bool IsSame(const Process& process, int64_t proc_start_ns) {
    return process.start_ns == kUnknownStart ||
           proc_start_ns <= process.start_ns + kStartToleranceNs;
  }
  // Of all living processes, in no order.
  std::vector<pid_t> Tgids() const;
  // The process that this task belongs to, its leader or another thread; null if none.
  Process* FindByTask(pid_t tid);
  size_t processes() const { return processes_.size() + former_count_; }
  // Living tasks: leaders and other threads.
  size_t threads() const { return processes() - exited_leaders_ + threads_.size(); }
  uint64_t evictions() const { return evictions_; }

 private:
  // A living thread but the leader; `next` and `previous` link those of one process.
  struct Thread {
    int64_t start_ns = kUnknownStart;  // of its FORK
    pid_t tgid = 0;
    pid_t next = 0;
    pid_t previous = 0;
  };

  // An exit that is held back, with its own copy of its record.
  struct HeldExit {
    Event event;
    std::optional<ExitRecord> record;

    const ExitRecord* record_or_null() const { return record ? &*record : nullptr; }
  };

  // A process that gave way to another with its id before its last EXIT came.
  struct Former {
    Process process;  // without its threads
    std::optional<GroupStatus> status;
    uint32_t exits_owed = 0;
    int64_t since_ns = 0;
  };
  // A thread that did, of a process that is still there.
  struct FormerThread {
    pid_t tid = 0;
    int64_t since_ns = 0;
  };

  void ApplyProcessFork(const Event& event);
  void ApplyThreadFork(const Event& event);
  void ApplyExec(const Event& event, const Evidence& evidence);
  void ApplyExit(const Event& event, const ExitRecord* record);
  void ApplyLeaderExit(const Event& event, const ExitRecord* record);
  void ApplyThreadExit(const Event& event, const ExitRecord* record);
  void ApplyIdChange(const Event& event, Change::Type type);
  void ApplyPtrace(const Event& event);
  // Takes the escalation of this process that waits, if one does, and returns when it was.
  std::optional<int64_t> TakeEscalation(pid_t tgid);
  // Returns whether the process escalated so shortly before that this exec was the reason; emits an
  // older escalation.
  bool EscalatedByExec(Process& process, int64_t exec_ns);
  void EmitEscalation(Process& process);
  void EmitDueEscalations(int64_t now_ns);

  // Ids that are given anew; see the comment of the class.
  void GiveWay(Process& process, int64_t fork_ns);
  bool ThreadGivesWay(Process& process, pid_t tid, int64_t fork_ns);
  const Former* FormerOf(const Event& event) const;
  bool IsOfEarlierHolder(const Event& event) const;
  void ApplyFormerExit(const Event& event, const ExitRecord* record);
  Former TakeFormer(pid_t tgid);
  bool TakeFormerThread(pid_t tgid, pid_t tid);
  void DropFormerThreads(pid_t tgid);
  void EmitDueFormers(int64_t now_ns);
  void EmitDueFormerThreads(int64_t now_ns);
  bool HasOtherThreads(const Process& process) const {
    return process.other_threads > 0 ||
           (!former_threads_.empty() && former_threads_.contains(process.tgid));
  }

  void InheritLate();

  Process* FindMutable(pid_t tgid);
  Process& FindOrAppear(pid_t tgid, int64_t timestamp_ns);
  Process& Appear(const Process& process, int64_t timestamp_ns,
                  const ProcessSnapshot* snapshot = nullptr, const ProcessFacts* facts = nullptr);
  void Vanish(Process& process, int64_t timestamp_ns);
  void EmitVanished(Process& process, int64_t timestamp_ns);
  void End(Process& process, const Event& event, const ExitRecord* record);
  void EmitEnded(Process& process, const Event& event, uint32_t wait_status,
                 const ExitRecord* record);
  // Remembers the end of a thread if it may decide the status of its process.
  void NoteExit(const Event& event, const ExitRecord* record);
  void EndUnlessUnseen(Process& process, const Event& event, const ExitRecord* record);
  bool HoldsExit(pid_t tgid) const;
  std::optional<HeldExit> TakeHeldExit(pid_t tgid);
  void Forget(Process& process);
  void GiveUpIfFull(Process& newcomer, int64_t timestamp_ns);
  size_t tasks() const { return processes_.size() + threads_.size(); }

  // `fork_ns` is unknown for one that a scan saw.
  void AddThread(Process& process, pid_t tid, int64_t fork_ns);
  void RemoveThread(Process& process, pid_t tid);
  // Its id is a process' now, since that was forked, if that was seen.
  void RemoveStaleThread(pid_t tid, int64_t fork_ns);
  void RemoveAllThreads(Process& process);
  void SetLeaderExited(Process& process, bool exited);

  void SettleHeldExits();
  void ReconcileOne(const ProcessSnapshot& snapshot, const ProcessFacts* facts);
  void ReconcileThreads(Process& process, const ProcessSnapshot& snapshot);
  void Touch(pid_t tid);
  void Emit(Change change);
  void Emit(Change::Type type, Process* process, int64_t timestamp_ns,
            const ExitRecord* record = nullptr);
  void EmitThreadExit(Process& process, const HeldExit& exit);
  // What the table promises of itself: cheap, at each door, and in full, after each scan.
  void AssertBalanced() const;
  void AssertConsistent() const;

  const size_t max_tasks_;
  ChangeSink& sink_;
  absl::flat_hash_map<pid_t, Process> processes_;    // by tgid
  absl::flat_hash_map<pid_t, Thread> threads_;       // by tid
  absl::flat_hash_map<pid_t, int64_t> escalations_;  // that wait: by tgid, when they were
  // By tgid, of processes with a thread whose end or core dump may decide the status of the whole:
  // at most one for each process.
  absl::flat_hash_map<pid_t, GroupStatus> statuses_;
  // By tgid; of each the oldest first. Both are empty but for microseconds.
  absl::flat_hash_map<pid_t, std::vector<Former>> formers_;
  absl::flat_hash_map<pid_t, std::vector<FormerThread>> former_threads_;
  size_t former_count_ = 0;
  size_t former_thread_count_ = 0;
  size_t exited_leaders_ = 0;
  uint64_t evictions_ = 0;
  // appeared + forked - ended - vanished, as emitted.
  int64_t balance_ = 0;

  bool complete_ = false;  // the first scan was reconciled
  bool scanning_ = false;
  int64_t scan_start_ns_ = 0;
  // Since the scan began, by the events that came:
  absl::flat_hash_set<pid_t> touched_;          // tasks that any event was about
  absl::flat_hash_set<pid_t> ended_threads_;    // leaders not among them
  absl::flat_hash_set<pid_t> ended_processes_;  // by tgid
  absl::flat_hash_set<pid_t> living_;           // processes that the scan saw, by tgid
  absl::flat_hash_set<pid_t> execed_;           // processes, by tgid
  // Before the first scan is reconciled: processes that are known from an event alone. They may
  // have threads that no event was about, so that the exit of one may be the end of the process or
  // not: the latest exit is held back.
  absl::flat_hash_map<pid_t, std::optional<HeldExit>> unseen_;  // by tgid
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PROCESS_PROCESS_TABLE_H_
