// SPDX-License-Identifier: Apache-2.0
#include "collectors/process/process_table.h"

#include <optional>

namespace cnproc {

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
    case EventType::kCoredump:
      // Comes even where no core is written: that the wait status tells.
      if (Find(event.tgid) != nullptr) statuses_[event.tgid].OnCoredump(event);
      break;
    case EventType::kComm:
      // A process keeps the program it was given until it ends or execs.
      break;
  }
  AssertBalanced();
}

void ProcessTable::EmitDue(int64_t now_ns) {
  EmitDueEscalations(now_ns);
  if (!formers_.empty()) EmitDueFormers(now_ns);
  if (!former_threads_.empty()) EmitDueFormerThreads(now_ns);
  AssertBalanced();
}

void ProcessTable::ApplyProcessFork(const Event& event) {
  // Until a scan has said who lives, a parent that the table lacks lives all the same. It is not
  // touched: if the scan does not find it either, it has ended unseen.
  if ((!complete_ || scanning_) && event.parent_tgid > 0 && event.parent_tgid != event.tid) {
    GiveUpIfFull(FindOrAppear(event.parent_tgid, event.timestamp_ns), event.timestamp_ns);
  }
  RemoveStaleThread(event.tid, event.timestamp_ns);
  if (Process* stale = FindMutable(event.tid)) GiveWay(*stale, event.timestamp_ns);
  Touch(event.tid);
  Process& child = processes_[event.tid];
  child.tgid = event.tgid;
  child.parent_tgid = event.parent_tgid;
  child.start_ns = event.timestamp_ns;
  child.fork_seen = true;
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
  if (Process* stale = FindMutable(event.tid)) GiveWay(*stale, event.timestamp_ns);
  Process& process = FindOrAppear(event.tgid, event.timestamp_ns);
  if (process.parent_tgid == 0) process.parent_tgid = event.parent_tgid;
  Touch(event.tid);
  AddThread(process, event.tid, event.timestamp_ns);
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
  DropFormerThreads(event.tgid);
  if (!statuses_.empty()) statuses_.erase(event.tgid);
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
  if (FormerOf(event) != nullptr) {
    ApplyFormerExit(event, record);
  } else if (event.tid == event.tgid) {
    ApplyLeaderExit(event, record);
  } else {
    ApplyThreadExit(event, record);
  }
}

void ProcessTable::ApplyLeaderExit(const Event& event, const ExitRecord* record) {
  if (IsOfEarlierHolder(event)) {
    Emit(Change::Type::kThreadExited, nullptr, event.timestamp_ns, record);
    return;
  }
  // Of a task never heard of only this is known: its leader has ended.
  Process& process = FindOrAppear(event.tgid, event.timestamp_ns);
  if (!HasOtherThreads(process)) {
    EndUnlessUnseen(process, event, record);
    return;
  }
  SetLeaderExited(process, true);
  Touch(event.tgid);
  NoteExit(event, record);
  Emit(Change::Type::kThreadExited, &process, event.timestamp_ns, record);
}

void ProcessTable::ApplyThreadExit(const Event& event, const ExitRecord* record) {
  Process* process = FindMutable(event.tgid);
  const bool gave_way = TakeFormerThread(event.tgid, event.tid);
  const auto thread = threads_.find(event.tid);
  const bool is_there = thread != threads_.end() && thread->second.tgid == event.tgid;
  const bool is_stray = !gave_way && IsOfEarlierHolder(event);
  if (gave_way && is_there) {
    // Both have been of this process. Should it have been the newer's end, then the next is that of
    // the older, and the last.
    thread->second.start_ns = kUnknownStart;
  } else if (!gave_way && !is_stray) {
    if (scanning_) ended_threads_.insert(event.tid);
    if (is_there) RemoveThread(*process, event.tid);
  }
  if (process == nullptr) {
    Emit(Change::Type::kThreadExited, nullptr, event.timestamp_ns, record);
    return;
  }
  const bool is_known = gave_way || (is_there && !is_stray) || unseen_.contains(event.tgid);
  if (is_known && process->leader_exited && !HasOtherThreads(*process)) {
    EndUnlessUnseen(*process, event, record);
    return;
  }
  NoteExit(event, record);
  Emit(Change::Type::kThreadExited, process, event.timestamp_ns, record);
}

void ProcessTable::NoteExit(const Event& event, const ExitRecord* record) {
  auto status = statuses_.find(event.tgid);
  if (status == statuses_.end()) {
    if (!GroupStatus::IsTelling(event, record)) return;
    status = statuses_.try_emplace(event.tgid).first;
  }
  status->second.OnExit(event, record);
}

void ProcessTable::ApplyPtrace(const Event& event) {
  const bool attached = event.parent_tgid != 0;
  Emit(attached ? Change::Type::kPtraceAttached : Change::Type::kPtraceDetached,
       FindMutable(event.tgid), event.timestamp_ns);
}

TaskLife ProcessTable::LifeOf(const Event& event) const {
  TaskLife life{.tid = event.tid, .tgid = event.tgid};
  const bool is_leader = event.tid == event.tgid;
  if (event.type == EventType::kExit) {
    if (const Former* former = FormerOf(event)) {
      if (is_leader) life.start_ns = former->process.start_ns;
      return life;
    }
    if (former_threads_.contains(event.tgid) || IsOfEarlierHolder(event)) return life;
  }
  if (is_leader) {
    if (const Process* leader = Find(event.tgid)) life.start_ns = leader->start_ns;
  } else if (const auto thread = threads_.find(event.tid);
             thread != threads_.end() && thread->second.tgid == event.tgid) {
    life.start_ns = thread->second.start_ns;
  }
  return life;
}

}  // namespace cnproc
