// SPDX-License-Identifier: Apache-2.0
// How a scan of /proc completes and corrects the table.
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/base/macros.h"
#include "collectors/process/process_table.h"

namespace cnproc {
void ProcessTable::BeginScan(int64_t now_ns) {
  AbandonScan();
  scanning_ = true;
  scan_start_ns_ = now_ns;
}

void ProcessTable::AbandonScan() {
  scanning_ = false;
  // Not clear(): a storm during one scan should not hold its memory for years.
  touched_ = {};
  ended_threads_ = {};
  ended_processes_ = {};
  execed_ = {};
  living_ = {};
}

void ProcessTable::Reconcile(std::span<const ProcessSnapshot> snapshots,
                             std::span<const ProcessFacts> facts) {
  ReconcileSome(snapshots, facts);
  EndReconcile();
}

void ProcessTable::ReconcileSome(std::span<const ProcessSnapshot> snapshots,
                                 std::span<const ProcessFacts> facts) {
  ABSL_ASSERT(facts.empty() || facts.size() == snapshots.size());
  // What it corrects itself is no news of the time since.
  scanning_ = false;
  for (size_t i = 0; i < snapshots.size(); ++i) {
    living_.insert(snapshots[i].tgid);
    ReconcileOne(snapshots[i], facts.empty() ? nullptr : &facts[i]);
  }
}

void ProcessTable::EndReconcile() {
  scanning_ = false;
  SettleHeldExits();
  std::vector<pid_t> vanished;
  for (const auto& [tgid, process] : processes_) {
    if (!living_.contains(tgid) && !touched_.contains(tgid)) vanished.push_back(tgid);
  }
  for (const pid_t tgid : vanished) Vanish(*FindMutable(tgid), scan_start_ns_);
  InheritLate();
  complete_ = true;
  AbandonScan();
  AssertConsistent();
}

// Who was forked behind the scan's back, by one that was not known yet and is now, is what its
// parent is. Parents come first.
void ProcessTable::InheritLate() {
  std::vector<Process*> heirs;
  for (auto& [tgid, process] : processes_) {
    if (!living_.contains(tgid) && process.start_ns != kUnknownStart) heirs.push_back(&process);
  }
  std::sort(heirs.begin(), heirs.end(),
            [](const Process* a, const Process* b) { return a->start_ns < b->start_ns; });
  for (Process* process : heirs) {
    Process* parent = FindMutable(process->parent_tgid);
    if (parent == nullptr) continue;
    const bool uid_was_unknown = process->real_uid == kUnknownId;
    if (uid_was_unknown) process->real_uid = parent->real_uid;
    if (process->effective_uid == kUnknownId) process->effective_uid = parent->effective_uid;
    process->kernel_thread |= parent->kernel_thread && !execed_.contains(process->tgid);
    Emit({.type = Change::Type::kProcessConfirmed,
          .real_uid_corrected = uid_was_unknown,
          .timestamp_ns = scan_start_ns_,
          .process = process,
          .parent = parent});
  }
}

// Every thread is known now.
void ProcessTable::SettleHeldExits() {
  for (const auto& [tgid, exit] : std::exchange(unseen_, {})) {
    if (!exit) continue;
    Process& process = *FindMutable(tgid);
    if (!HasOtherThreads(process)) {
      End(process, exit->event, exit->record_or_null());
    } else {
      EmitThreadExit(process, *exit);
    }
  }
}

void ProcessTable::ReconcileOne(const ProcessSnapshot& snapshot, const ProcessFacts* facts) {
  // Of the one that ended, even if another has its id by now.
  if (ended_processes_.contains(snapshot.tgid)) return;
  Process* process = FindMutable(snapshot.tgid);
  const bool touched = touched_.contains(snapshot.tgid);
  const bool is_reused = process != nullptr && process->start_ns < scan_start_ns_ &&
                         !IsSame(*process, snapshot.start_ns);
  if (is_reused && touched) {
    // What events told since was of the new one, and is worth more than the change of hands.
    process->start_ns = snapshot.start_ns;
    process->fork_seen = false;
    process->real_uid = process->effective_uid = kUnknownId;
  } else if (is_reused) {
    Vanish(*process, scan_start_ns_);
    process = nullptr;
  }
  const bool known = process != nullptr;
  if (!known) {
    process = &Appear({.tgid = snapshot.tgid,
                       .parent_tgid = snapshot.parent_tgid,
                       .start_ns = snapshot.start_ns,
                       .real_uid = snapshot.real_uid,
                       .effective_uid = snapshot.effective_uid,
                       .kernel_thread = snapshot.kernel_thread},
                      scan_start_ns_, &snapshot, facts);
  }
  if (!touched && !snapshot.leader_exited) {
    // The exit was that of a leader whose id a thread took over: it is about to send its exec.
    if (const std::optional<HeldExit> exit = TakeHeldExit(process->tgid)) {
      EmitThreadExit(*process, *exit);
    }
  }
  if (process->start_ns == kUnknownStart) process->start_ns = snapshot.start_ns;
  const uint32_t real_uid_before = process->real_uid;
  // What events told since the scan began is newer; a child of an unknown parent was told nothing.
  if (!touched || process->real_uid == kUnknownId) process->real_uid = snapshot.real_uid;
  if (!touched || process->effective_uid == kUnknownId) {
    process->effective_uid = snapshot.effective_uid;
  }
  if (!touched) SetLeaderExited(*process, snapshot.leader_exited);
  if (known) {
    Emit({.type = Change::Type::kProcessConfirmed,
          .real_uid_corrected = process->real_uid != real_uid_before,
          .timestamp_ns = scan_start_ns_,
          .process = process,
          .snapshot = &snapshot,
          .facts = facts});
  }
  ReconcileThreads(*process, snapshot);
  // Its last thread's exit came before it was known, and is not held back.
  if (process->leader_exited && !HasOtherThreads(*process) && !HoldsExit(process->tgid)) {
    Vanish(*process, scan_start_ns_);
    return;
  }
  GiveUpIfFull(*process, scan_start_ns_);
}

void ProcessTable::ReconcileThreads(Process& process, const ProcessSnapshot& snapshot) {
  // What the scan saw may be from before the exec, which left no thread; later ones told their
  // fork.
  if (execed_.contains(process.tgid)) return;
  const absl::flat_hash_set<pid_t> living(snapshot.other_threads.begin(),
                                          snapshot.other_threads.end());
  std::vector<pid_t> gone;
  for (pid_t tid = process.first_other_thread; tid != 0; tid = threads_[tid].next) {
    if (!living.contains(tid) && !touched_.contains(tid)) gone.push_back(tid);
  }
  for (const pid_t tid : gone) RemoveThread(process, tid);
  for (const pid_t tid : snapshot.other_threads) {
    if (!ended_threads_.contains(tid)) AddThread(process, tid, kUnknownStart);
  }
}

}  // namespace cnproc
