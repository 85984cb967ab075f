// SPDX-License-Identifier: Apache-2.0
// Whose rights processes have, and who came to root's.
#include <vector>

#include "collectors/process/process_table.h"

namespace cnproc {
namespace {

// From the new credentials to the end of execve the program is mapped: disks may be slow.
constexpr int64_t kExecTakesNs = 100'000'000;

}  // namespace

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

void ProcessTable::EmitDueEscalations(int64_t now_ns) {
  std::vector<pid_t> due;
  for (const auto& [tgid, since_ns] : escalations_) {
    if (now_ns - since_ns > kExecTakesNs) due.push_back(tgid);
  }
  for (const pid_t tgid : due) EmitEscalation(*FindMutable(tgid));
}

}  // namespace cnproc
