// SPDX-License-Identifier: Apache-2.0
// What the table holds, and the changes that come of it.
#include <utility>

#include "absl/base/macros.h"
#include "collectors/process/process_table.h"

namespace cnproc {

const Process* ProcessTable::Find(pid_t tgid) const {
  const auto found = processes_.find(tgid);
  return found == processes_.end() ? nullptr : &found->second;
}

std::vector<pid_t> ProcessTable::Tgids() const {
  std::vector<pid_t> tgids;
  tgids.reserve(processes_.size());
  for (const auto& [tgid, process] : processes_) tgids.push_back(tgid);
  return tgids;
}

Process* ProcessTable::FindByTask(pid_t tid) {
  if (Process* process = FindMutable(tid)) return process;
  const auto thread = threads_.find(tid);
  return thread == threads_.end() ? nullptr : FindMutable(thread->second.tgid);
}

Process* ProcessTable::FindMutable(pid_t tgid) {
  const auto found = processes_.find(tgid);
  return found == processes_.end() ? nullptr : &found->second;
}

Process& ProcessTable::FindOrAppear(pid_t tgid, int64_t timestamp_ns) {
  if (Process* process = FindMutable(tgid)) return *process;
  if (!complete_) unseen_.try_emplace(tgid);
  return Appear({.tgid = tgid}, timestamp_ns);
}

Process& ProcessTable::Appear(const Process& process, int64_t timestamp_ns,
                              const ProcessSnapshot* snapshot, const ProcessFacts* facts) {
  RemoveStaleThread(process.tgid, kUnknownStart);
  Process& entry = processes_[process.tgid];
  entry = process;
  Change change{.type = Change::Type::kProcessAppeared,
                .at_start = !complete_,
                .timestamp_ns = timestamp_ns,
                .process = &entry,
                .snapshot = snapshot,
                .facts = facts};
  Emit(change);
  return entry;
}

void ProcessTable::Vanish(Process& process, int64_t timestamp_ns) {
  if (const std::optional<HeldExit> exit = TakeHeldExit(process.tgid)) {
    End(process, exit->event, exit->record_or_null());
    return;
  }
  EmitEscalation(process);
  EmitVanished(process, timestamp_ns);
  Forget(process);
}

void ProcessTable::EmitVanished(Process& process, int64_t timestamp_ns) {
  Emit({.type = Change::Type::kProcessVanished,
        .at_start = !complete_,
        .timestamp_ns = timestamp_ns,
        .process = &process});
}

void ProcessTable::EndUnlessUnseen(Process& process, const Event& event, const ExitRecord* record) {
  const auto unseen = unseen_.find(process.tgid);
  if (unseen == unseen_.end()) {
    End(process, event, record);
    return;
  }
  // It was not the end if another exit follows.
  if (unseen->second) EmitThreadExit(process, *unseen->second);
  unseen->second = {.event = event,
                    .record = record != nullptr ? std::make_optional(*record) : std::nullopt};
  SetLeaderExited(process, true);
  Touch(process.tgid);
  GiveUpIfFull(process, event.timestamp_ns);
}

bool ProcessTable::HoldsExit(pid_t tgid) const {
  const auto unseen = unseen_.find(tgid);
  return unseen != unseen_.end() && unseen->second.has_value();
}

std::optional<ProcessTable::HeldExit> ProcessTable::TakeHeldExit(pid_t tgid) {
  if (unseen_.empty()) return std::nullopt;  // as it is but for the first moments
  const auto unseen = unseen_.find(tgid);
  return unseen == unseen_.end() ? std::nullopt : std::exchange(unseen->second, std::nullopt);
}

void ProcessTable::End(Process& process, const Event& event, const ExitRecord* record) {
  EmitEscalation(process);
  uint32_t wait_status = event.wait_status;
  if (const auto status = statuses_.find(process.tgid); status != statuses_.end()) {
    status->second.OnExit(event, record);
    wait_status = status->second.Judge();
  }
  EmitEnded(process, event, wait_status, record);
  if (scanning_) ended_processes_.insert(process.tgid);
  Forget(process);
}

void ProcessTable::EmitEnded(Process& process, const Event& event, uint32_t wait_status,
                             const ExitRecord* record) {
  // The start in /proc is of another clock, which may have gone its own way since.
  const int64_t ahead_ns =
      process.start_ns == kUnknownStart ? 0 : process.start_ns - event.timestamp_ns;
  if (ahead_ns > 0) {
    process.start_ns = ahead_ns <= kStartToleranceNs ? event.timestamp_ns : kUnknownStart;
  }
  Emit({.type = Change::Type::kProcessEnded,
        .timestamp_ns = event.timestamp_ns,
        .process = &process,
        .wait_status = wait_status,
        .record = record});
}

void ProcessTable::Forget(Process& process) {
  RemoveAllThreads(process);
  SetLeaderExited(process, false);
  DropFormerThreads(process.tgid);
  if (!unseen_.empty()) unseen_.erase(process.tgid);
  if (!statuses_.empty()) statuses_.erase(process.tgid);
  processes_.erase(process.tgid);
}

void ProcessTable::GiveUpIfFull(Process& newcomer, int64_t timestamp_ns) {
  if (tasks() <= max_tasks_) return;
  ++evictions_;
  Vanish(newcomer, timestamp_ns);
}

void ProcessTable::AddThread(Process& process, pid_t tid, int64_t fork_ns) {
  const auto known = threads_.find(tid);
  if (known != threads_.end() && known->second.tgid == process.tgid) {
    if (fork_ns == kUnknownStart) return;
    // Forked again, or a scan was ahead of its FORK.
    if (known->second.start_ns != kUnknownStart) ThreadGivesWay(process, tid, fork_ns);
    known->second.start_ns = fork_ns;
    return;
  }
  RemoveStaleThread(tid, fork_ns);
  if (tasks() >= max_tasks_) {
    ++evictions_;
    return;
  }
  if (process.first_other_thread != 0) threads_[process.first_other_thread].previous = tid;
  threads_[tid] = {
      .start_ns = fork_ns, .tgid = process.tgid, .next = process.first_other_thread, .previous = 0};
  process.first_other_thread = tid;
  ++process.other_threads;
}

void ProcessTable::RemoveThread(Process& process, pid_t tid) {
  const auto found = threads_.find(tid);
  const Thread thread = found->second;
  ABSL_ASSERT(thread.tgid == process.tgid && process.other_threads > 0);
  threads_.erase(found);
  if (thread.next != 0) threads_[thread.next].previous = thread.previous;
  if (thread.previous != 0) {
    threads_[thread.previous].next = thread.next;
  } else {
    process.first_other_thread = thread.next;
  }
  --process.other_threads;
  if (scanning_) ended_threads_.insert(tid);
}

void ProcessTable::RemoveStaleThread(pid_t tid, int64_t fork_ns) {
  const auto stale = threads_.find(tid);
  if (stale == threads_.end()) return;
  Process& owner = *FindMutable(stale->second.tgid);
  RemoveThread(owner, tid);
  if (fork_ns != kUnknownStart && ThreadGivesWay(owner, tid, fork_ns)) return;
  // Its EXIT was lost, and it was the last.
  const bool is_over = owner.leader_exited && !HasOtherThreads(owner) && !HoldsExit(owner.tgid);
  if (is_over) Vanish(owner, fork_ns == kUnknownStart ? scan_start_ns_ : fork_ns);
}

void ProcessTable::RemoveAllThreads(Process& process) {
  while (process.first_other_thread != 0) RemoveThread(process, process.first_other_thread);
}

void ProcessTable::SetLeaderExited(Process& process, bool exited) {
  if (process.leader_exited == exited) return;
  ABSL_ASSERT(exited || exited_leaders_ > 0);
  process.leader_exited = exited;
  exited ? ++exited_leaders_ : --exited_leaders_;
}

void ProcessTable::Touch(pid_t tid) {
  if (scanning_) touched_.insert(tid);
}

void ProcessTable::Emit(Change change) {
  switch (change.type) {
    case Change::Type::kProcessForked:
    case Change::Type::kProcessAppeared:
      ++balance_;
      break;
    case Change::Type::kProcessEnded:
    case Change::Type::kProcessVanished:
      --balance_;
      ABSL_ASSERT(balance_ >= 0);
      break;
    default:
      break;
  }
  sink_.OnChange(change);
}

void ProcessTable::Emit(Change::Type type, Process* process, int64_t timestamp_ns,
                        const ExitRecord* record) {
  Emit({.type = type, .timestamp_ns = timestamp_ns, .process = process, .record = record});
}

void ProcessTable::EmitThreadExit(Process& process, const HeldExit& exit) {
  NoteExit(exit.event, exit.record_or_null());
  Emit(Change::Type::kThreadExited, &process, exit.event.timestamp_ns, exit.record_or_null());
}

void ProcessTable::AssertBalanced() const {
  ABSL_ASSERT(balance_ == static_cast<int64_t>(processes()));
  ABSL_ASSERT(exited_leaders_ <= processes_.size());
  ABSL_ASSERT(tasks() <= max_tasks_);
}

// Every thread is in the list of its process, and in no other.
void ProcessTable::AssertConsistent() const {
  AssertBalanced();
#ifndef NDEBUG
  size_t exited_leaders = 0;
  size_t threads = 0;
  for (const auto& [tgid, process] : processes_) {
    if (process.leader_exited) ++exited_leaders;
    uint32_t of_process = 0;
    pid_t previous = 0;
    for (pid_t tid = process.first_other_thread; tid != 0; ++of_process) {
      const Thread& thread = threads_.at(tid);
      ABSL_ASSERT(thread.tgid == tgid && thread.previous == previous);
      previous = std::exchange(tid, thread.next);
    }
    ABSL_ASSERT(of_process == process.other_threads);
    threads += of_process;
  }
  ABSL_ASSERT(threads == threads_.size());
  ABSL_ASSERT(exited_leaders == exited_leaders_);
#endif
}

}  // namespace cnproc
