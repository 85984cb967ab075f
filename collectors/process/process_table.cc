// SPDX-License-Identifier: Apache-2.0
#include "collectors/process/process_table.h"

#include <utility>
#include <vector>

#include "absl/base/macros.h"

namespace cnproc {
namespace {

// From the new credentials to the end of execve the program is mapped: disks may be slow.
constexpr int64_t kExecTakesNs = 100'000'000;

}  // namespace

ProcessTable::ProcessTable(size_t max_tasks, ChangeSink& sink)
    : max_tasks_(max_tasks), sink_(sink) {}

void ProcessTable::Apply(const Event& event, const Evidence& evidence) {
  switch (event.type) {
    case EventType::kFork:
      // Idle threads of a CPU that comes up are forked as pid 0 and never end: no process.
      if (event.tid == event.tgid && event.tid > 0) {
        ApplyProcessFork(event);
      } else {
        ApplyThreadFork(event);
      }
      break;
    case EventType::kExec:
      ApplyExec(event, evidence);
      break;
    case EventType::kUid:
      ApplyIdChange(event, Change::Type::kUidChanged);
      break;
    case EventType::kGid:
      ApplyIdChange(event, Change::Type::kGidChanged);
      break;
    case EventType::kSid:
      Emit(Change::Type::kSessionCreated, FindMutable(event.tgid), event.timestamp_ns);
      break;
    case EventType::kPtrace:
      ApplyPtrace(event);
      break;
    case EventType::kExit:
      ApplyExit(event, evidence.exit_record);
      break;
    case EventType::kComm:
      // A process keeps the program it was given until it ends or execs.
    case EventType::kCoredump:
      // Comes even where no core is written; the wait status of the exit tells.
      break;
  }
  AssertBalanced();
}

void ProcessTable::ApplyProcessFork(const Event& event) {
  RemoveStaleThread(event.tid);
  auto [place, is_new] = processes_.try_emplace(event.tid);
  if (!is_new) {
    Vanish(place->second, event.timestamp_ns);
    place = processes_.try_emplace(event.tid).first;
  }
  Touch(event.tid);
  Process& child = place->second;
  child.tgid = event.tgid;
  child.parent_tgid = event.parent_tgid;
  child.start_ns = event.timestamp_ns;
  Process* parent = FindMutable(event.parent_tgid);
  if (parent != nullptr) {
    child.real_uid = parent->real_uid;
    child.effective_uid = parent->effective_uid;
    child.values = parent->values;
    child.name_source = parent->name_source;
    child.kernel_thread = parent->kernel_thread;
  }
  Change change{.type = Change::Type::kProcessForked,
                .timestamp_ns = event.timestamp_ns,
                .process = &child,
                .parent = parent};
  Emit(change);
  GiveUpIfFull(child, event.timestamp_ns);
}

void ProcessTable::ApplyThreadFork(const Event& event) {
  if (event.tgid <= 0 || event.tid <= 0) {
    Emit(Change::Type::kThreadForked, nullptr, event.timestamp_ns);
    return;
  }
  if (Process* stale = FindMutable(event.tid)) Vanish(*stale, event.timestamp_ns);
  Process& process = FindOrAppear(event.tgid, event.timestamp_ns);
  if (process.parent_tgid == 0) process.parent_tgid = event.parent_tgid;
  Touch(event.tid);
  AddThread(process, event.tid);
  Emit(Change::Type::kThreadForked, &process, event.timestamp_ns);
  GiveUpIfFull(process, event.timestamp_ns);
}

void ProcessTable::ApplyExec(const Event& event, const Evidence& evidence) {
  Process& process = FindOrAppear(event.tgid, event.timestamp_ns);
  Touch(event.tgid);
  if (scanning_) execed_.insert(event.tgid);
  if (const std::optional<HeldExit> exit = TakeHeldExit(event.tgid)) {
    EmitThreadExit(process, *exit);  // the old leader's
  }
  if (!unseen_.empty()) unseen_.erase(event.tgid);
  // The kernel has ended every other thread; one that called execve itself takes over the leader's
  // id and never exits under its own.
  RemoveAllThreads(process);
  SetLeaderExited(process, false);
  process.kernel_thread = false;
  Change change{.type = Change::Type::kExeced,
                .escalated = EscalatedByExec(process, event.timestamp_ns),
                .timestamp_ns = event.timestamp_ns,
                .process = &process,
                .facts = evidence.facts,
                .record = evidence.exec_record};
  Emit(change);
  GiveUpIfFull(process, event.timestamp_ns);
}

void ProcessTable::ApplyExit(const Event& event, const ExitRecord* record) {
  if (event.tid == event.tgid) {
    // Of a task never heard of only this is known: its leader has ended.
    Process& process = FindOrAppear(event.tgid, event.timestamp_ns);
    if (process.other_threads == 0) {
      EndUnlessUnseen(process, event, record);
      return;
    }
    SetLeaderExited(process, true);
    Touch(event.tgid);
    Emit(Change::Type::kThreadExited, &process, event.timestamp_ns, record);
    return;
  }
  Process* process = FindMutable(event.tgid);
  if (scanning_) ended_threads_.insert(event.tid);
  const auto thread = threads_.find(event.tid);
  const bool known = thread != threads_.end() && thread->second.tgid == event.tgid;
  if (process != nullptr && known) RemoveThread(*process, event.tid);
  if (process != nullptr && process->leader_exited && process->other_threads == 0 &&
      (known || unseen_.contains(event.tgid))) {
    EndUnlessUnseen(*process, event, record);
    return;
  }
  Emit(Change::Type::kThreadExited, process, event.timestamp_ns, record);
}

void ProcessTable::ApplyIdChange(const Event& event, Change::Type type) {
  // Each thread has its own credentials; those of the leader stand for the process.
  if (event.tid != event.tgid) return;
  Process* process = FindMutable(event.tgid);
  // An attribute event can be read late: it may be of an earlier process with this id.
  if (process != nullptr && event.timestamp_ns < process->start_ns) process = nullptr;
  Change change{.type = type,
                .timestamp_ns = event.timestamp_ns,
                .process = process,
                .effective_id = event.effective_id};
  if (process != nullptr && type == Change::Type::kUidChanged) {
    change.escalated = event.effective_id == 0 && process->effective_uid != 0 &&
                       process->effective_uid != kUnknownId;
    process->real_uid = event.real_id;
    process->effective_uid = event.effective_id;
    Touch(event.tgid);
  }
  Emit(change);
  if (!change.escalated) return;
  EmitEscalation(*process);  // one that waits has waited long enough
  escalations_[event.tgid] = event.timestamp_ns;
}

std::optional<int64_t> ProcessTable::TakeEscalation(pid_t tgid) {
  if (escalations_.empty()) return std::nullopt;
  const auto waiting = escalations_.find(tgid);
  if (waiting == escalations_.end()) return std::nullopt;
  const int64_t timestamp_ns = waiting->second;
  escalations_.erase(waiting);
  return timestamp_ns;
}

bool ProcessTable::EscalatedByExec(Process& process, int64_t exec_ns) {
  const std::optional<int64_t> since_ns = TakeEscalation(process.tgid);
  if (!since_ns) return false;
  if (exec_ns - *since_ns <= kExecTakesNs) return true;
  Emit(Change::Type::kEscalated, &process, *since_ns);
  return false;
}

void ProcessTable::EmitEscalation(Process& process) {
  const std::optional<int64_t> since_ns = TakeEscalation(process.tgid);
  if (since_ns) Emit(Change::Type::kEscalated, &process, *since_ns);
}

void ProcessTable::EmitEscalations(int64_t now_ns) {
  std::vector<pid_t> due;
  for (const auto& [tgid, since_ns] : escalations_) {
    if (now_ns - since_ns > kExecTakesNs) due.push_back(tgid);
  }
  for (const pid_t tgid : due) EmitEscalation(*FindMutable(tgid));
}

void ProcessTable::ApplyPtrace(const Event& event) {
  const bool attached = event.parent_tgid != 0;
  Emit(attached ? Change::Type::kPtraceAttached : Change::Type::kPtraceDetached,
       FindMutable(event.tgid), event.timestamp_ns);
}

TaskLife ProcessTable::LifeOf(const Event& event) const {
  const Process* leader = event.tid == event.tgid ? Find(event.tgid) : nullptr;
  return {.tid = event.tid,
          .tgid = event.tgid,
          .start_ns = leader == nullptr ? kUnknownStart : leader->start_ns};
}

const Process* ProcessTable::Find(pid_t tgid) const {
  const auto found = processes_.find(tgid);
  return found == processes_.end() ? nullptr : &found->second;
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
  RemoveStaleThread(process.tgid);
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
  Change change{.type = Change::Type::kProcessVanished,
                .at_start = !complete_,
                .timestamp_ns = timestamp_ns,
                .process = &process};
  Emit(change);
  Forget(process);
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
  Change change{.type = Change::Type::kProcessEnded,
                .timestamp_ns = event.timestamp_ns,
                .process = &process,
                .wait_status = event.wait_status,
                .record = record};
  Emit(change);
  if (scanning_) ended_processes_.insert(process.tgid);
  Forget(process);
}

void ProcessTable::Forget(Process& process) {
  RemoveAllThreads(process);
  SetLeaderExited(process, false);
  if (!unseen_.empty()) unseen_.erase(process.tgid);
  processes_.erase(process.tgid);
}

void ProcessTable::GiveUpIfFull(Process& newcomer, int64_t timestamp_ns) {
  if (tasks() <= max_tasks_) return;
  ++evictions_;
  Vanish(newcomer, timestamp_ns);
}

void ProcessTable::AddThread(Process& process, pid_t tid) {
  if (const auto stale = threads_.find(tid); stale != threads_.end()) {
    if (stale->second.tgid == process.tgid) return;
    if (Process* owner = FindMutable(stale->second.tgid)) RemoveThread(*owner, tid);
  }
  if (tasks() >= max_tasks_) {
    ++evictions_;
    return;
  }
  if (process.first_other_thread != 0) threads_[process.first_other_thread].previous = tid;
  threads_[tid] = {.tgid = process.tgid, .next = process.first_other_thread, .previous = 0};
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

// Its id is a process' now.
void ProcessTable::RemoveStaleThread(pid_t tid) {
  const auto stale = threads_.find(tid);
  if (stale == threads_.end()) return;
  if (Process* owner = FindMutable(stale->second.tgid)) RemoveThread(*owner, tid);
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
  Emit(Change::Type::kThreadExited, &process, exit.event.timestamp_ns, exit.record_or_null());
}

void ProcessTable::AssertBalanced() const {
  ABSL_ASSERT(balance_ == static_cast<int64_t>(processes_.size()));
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
