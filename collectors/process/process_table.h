// SPDX-License-Identifier: Apache-2.0
// Every living process and its threads, by the events of the connector. Pure: no I/O, no clock.
#ifndef CNPROC_COLLECTORS_PROCESS_PROCESS_TABLE_H_
#define CNPROC_COLLECTORS_PROCESS_PROCESS_TABLE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "collectors/process/change.h"
#include "collectors/process/event.h"

namespace cnproc {

// Turns events into changes. At every moment
//   appeared (also before the first scan) + forked - ended - vanished = processes().
// A process ends with its last thread. Not thread safe: one thread owns it.
class ProcessTable {
 public:
  // Holds at most `max_tasks` processes and threads. A process beyond is given up at once and
  // vanishes, a thread beyond is not kept; both count in evictions(). `sink` must outlive the
  // table.
  ProcessTable(size_t max_tasks, ChangeSink& sink);

  // What `evidence` points at is read until the call returns: each change has the facts and the
  // record that belong to it.
  void Apply(const Event& event, const Evidence& evidence);

  // An exec of a set-uid program changes the uid before the kernel tells of the exec: an escalation
  // waits that long for one. Emits those that waited at `now_ns`; call it as time passes.
  void EmitEscalations(int64_t now_ns);

  // A scan of /proc takes longer than the time between two events. From BeginScan on the table
  // remembers whom events touched, so that Reconcile knows which differences are news and which
  // are only the scan's age. Call Reconcile after the events queued during the scan are applied.
  // The first scan completes the table; from then on every difference is one that events missed.
  // `facts` are of the snapshots, one each, or empty where nobody asked.
  void BeginScan(int64_t now_ns);
  void AbandonScan();
  void Reconcile(std::span<const ProcessSnapshot> snapshots, std::span<const ProcessFacts> facts);
  // As far as can be known it holds who lived before the first event: it was reconciled once.
  bool is_complete() const { return complete_; }
  // False once more tasks were touched during a scan than are worth remembering: abandon it.
  bool scan_is_bounded() const {
    return touched_.size() + ended_threads_.size() + ended_processes_.size() + execed_.size() <
           max_tasks_;
  }

  // The task that the event is of. Of other threads than the leader no start is kept.
  TaskLife LifeOf(const Event& event) const;

  const Process* Find(pid_t tgid) const;
  // The process that this task belongs to, its leader or another thread; null if none.
  Process* FindByTask(pid_t tid);
  size_t processes() const { return processes_.size(); }
  // Living tasks: leaders and other threads.
  size_t threads() const { return processes_.size() - exited_leaders_ + threads_.size(); }
  uint64_t evictions() const { return evictions_; }

 private:
  // A living thread but the leader; `next` and `previous` link those of one process.
  struct Thread {
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

  void ApplyProcessFork(const Event& event);
  void ApplyThreadFork(const Event& event);
  void ApplyExec(const Event& event, const Evidence& evidence);
  void ApplyExit(const Event& event, const ExitRecord* record);
  void ApplyIdChange(const Event& event, Change::Type type);
  void ApplyPtrace(const Event& event);
  // When the escalation that waits was, if one does; it waits no more.
  std::optional<int64_t> TakeEscalation(pid_t tgid);
  // Returns whether the process escalated so shortly before that this exec was the reason; emits an
  // older escalation.
  bool EscalatedByExec(Process& process, int64_t exec_ns);
  void EmitEscalation(Process& process);

  Process* FindMutable(pid_t tgid);
  Process& FindOrAppear(pid_t tgid, int64_t timestamp_ns);
  Process& Appear(const Process& process, int64_t timestamp_ns,
                  const ProcessSnapshot* snapshot = nullptr, const ProcessFacts* facts = nullptr);
  void Vanish(Process& process, int64_t timestamp_ns);
  void End(Process& process, const Event& event, const ExitRecord* record);
  void EndUnlessUnseen(Process& process, const Event& event, const ExitRecord* record);
  bool HoldsExit(pid_t tgid) const;
  std::optional<HeldExit> TakeHeldExit(pid_t tgid);
  void Forget(Process& process);
  void GiveUpIfFull(Process& newcomer, int64_t timestamp_ns);
  size_t tasks() const { return processes_.size() + threads_.size(); }

  void AddThread(Process& process, pid_t tid);
  void RemoveThread(Process& process, pid_t tid);
  void RemoveStaleThread(pid_t tid);
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
  size_t exited_leaders_ = 0;
  uint64_t evictions_ = 0;
  // appeared + forked - ended - vanished, as emitted.
  int64_t balance_ = 0;

  bool complete_ = false;  // the first scan was reconciled
  bool scanning_ = false;
  int64_t scan_start_ns_ = 0;
  // Since the scan began, by what events told:
  absl::flat_hash_set<pid_t> touched_;          // tasks that something was told of
  absl::flat_hash_set<pid_t> ended_threads_;    // leaders not among them
  absl::flat_hash_set<pid_t> ended_processes_;  // by tgid
  absl::flat_hash_set<pid_t> execed_;           // processes, by tgid
  // Before the first scan is reconciled: processes that only an event told of. They may have
  // threads that none told of, and so an exit may be a process' end or not: the latest is held
  // back.
  absl::flat_hash_map<pid_t, std::optional<HeldExit>> unseen_;  // by tgid
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PROCESS_PROCESS_TABLE_H_
