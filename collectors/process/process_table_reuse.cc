// SPDX-License-Identifier: Apache-2.0
// Ids that are given to another task before the EXIT event of the one that had them came.
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/base/macros.h"
#include "collectors/process/process_table.h"

namespace cnproc {
namespace {

// The kernel sends the event some instructions after it gave the id back; a busy machine may not
// run them for a while. After that time the event was lost.
constexpr int64_t kPatienceNs = 1'000'000'000;
// Within which an EXIT that may be of either is rather that of the one that gave way.
constexpr int64_t kDoubtNs = 100'000'000;

}  // namespace

void ProcessTable::GiveWay(Process& process, int64_t fork_ns) {
  // A scan can see a process before its FORK event is read.
  const bool scanned_just_now = !process.fork_seen && process.start_ns != kUnknownStart &&
                                process.start_ns > fork_ns - kStartToleranceNs;
  const auto threads = former_threads_.find(process.tgid);
  const size_t former_threads = threads == former_threads_.end() ? 0 : threads->second.size();
  const size_t exits_owed =
      process.other_threads + former_threads + (process.leader_exited ? 0 : 1);
  // What the scan sees from now on is not of this one.
  if (scanning_) ended_processes_.insert(process.tgid);
  if (scanned_just_now || HoldsExit(process.tgid) || exits_owed == 0 ||
      former_count_ >= kMaxFormers) {
    Vanish(process, fork_ns);
    return;
  }
  EmitEscalation(process);
  RemoveAllThreads(process);
  SetLeaderExited(process, false);
  Former former{.process = process,
                .status = std::nullopt,
                .exits_owed = static_cast<uint32_t>(exits_owed),
                .since_ns = fork_ns};
  if (const auto status = statuses_.find(process.tgid); status != statuses_.end()) {
    former.status = status->second;
  }
  Forget(process);
  formers_[former.process.tgid].push_back(std::move(former));
  ++former_count_;
}

// Returns false if too many wait already.
bool ProcessTable::ThreadGivesWay(Process& process, pid_t tid, int64_t fork_ns) {
  if (former_thread_count_ >= kMaxFormers) return false;
  former_threads_[process.tgid].push_back({.tid = tid, .since_ns = fork_ns});
  ++former_thread_count_;
  return true;
}

// Whose end an EXIT event is, if it is of one that gave way; else null.
const ProcessTable::Former* ProcessTable::FormerOf(const Event& event) const {
  if (formers_.empty()) return nullptr;
  const auto found = formers_.find(event.tgid);
  if (found == formers_.end()) return nullptr;
  const Former* former = &found->second.front();
  const Process* holder = Find(event.tgid);
  if (holder == nullptr || event.timestamp_ns < holder->start_ns) return former;
  if (event.tid != event.tgid) {
    const auto thread = threads_.find(event.tid);
    const bool is_of_holder = thread != threads_.end() && thread->second.tgid == event.tgid;
    return is_of_holder ? nullptr : former;
  }
  // Both may be meant. Who still has a parent was not reaped, so its id was not given away.
  const bool is_doubtful =
      event.parent_tgid == 0 && event.timestamp_ns - former->since_ns <= kDoubtNs;
  return is_doubtful ? former : nullptr;
}

// An EXIT from before the FORK of the holder, who nobody waits for any more.
bool ProcessTable::IsOfEarlierHolder(const Event& event) const {
  if (event.tid == event.tgid) {
    const Process* holder = Find(event.tgid);
    return holder != nullptr && holder->fork_seen && event.timestamp_ns < holder->start_ns;
  }
  const auto thread = threads_.find(event.tid);
  return thread != threads_.end() && thread->second.tgid == event.tgid &&
         thread->second.start_ns != kUnknownStart && event.timestamp_ns < thread->second.start_ns;
}

void ProcessTable::ApplyFormerExit(const Event& event, const ExitRecord* record) {
  Former& former = formers_.find(event.tgid)->second.front();
  if (Process* holder = FindMutable(event.tgid); holder != nullptr && event.tid == event.tgid) {
    // Should it have been the holder's after all, the next is that of neither but the holder.
    if (event.timestamp_ns >= holder->start_ns) holder->fork_seen = false;
  }
  if (--former.exits_owed > 0) {
    if (!former.status) former.status.emplace();
    former.status->OnExit(event, record);
    Emit(Change::Type::kThreadExited, &former.process, event.timestamp_ns, record);
    return;
  }
  uint32_t wait_status = event.wait_status;
  if (former.status) {
    former.status->OnExit(event, record);
    wait_status = former.status->Judge();
  }
  EmitEnded(former.process, event, wait_status, record);
  TakeFormer(event.tgid);
}

ProcessTable::Former ProcessTable::TakeFormer(pid_t tgid) {
  const auto found = formers_.find(tgid);
  std::vector<Former>& formers = found->second;
  Former former = std::move(formers.front());
  formers.erase(formers.begin());
  if (formers.empty()) formers_.erase(found);
  ABSL_ASSERT(former_count_ > 0);
  --former_count_;
  return former;
}

// Returns whether that thread was waited for; it is no more.
bool ProcessTable::TakeFormerThread(pid_t tgid, pid_t tid) {
  if (former_threads_.empty()) return false;
  const auto found = former_threads_.find(tgid);
  if (found == former_threads_.end()) return false;
  std::vector<FormerThread>& threads = found->second;
  const auto thread = std::find_if(threads.begin(), threads.end(),
                                   [tid](const FormerThread& one) { return one.tid == tid; });
  if (thread == threads.end()) return false;
  threads.erase(thread);
  if (threads.empty()) former_threads_.erase(found);
  ABSL_ASSERT(former_thread_count_ > 0);
  --former_thread_count_;
  return true;
}

void ProcessTable::DropFormerThreads(pid_t tgid) {
  if (former_threads_.empty()) return;
  const auto found = former_threads_.find(tgid);
  if (found == former_threads_.end()) return;
  former_thread_count_ -= found->second.size();
  former_threads_.erase(found);
}

void ProcessTable::EmitDueFormers(int64_t now_ns) {
  std::vector<pid_t> due;
  for (const auto& [tgid, formers] : formers_) {
    for (const Former& former : formers) {
      if (now_ns - former.since_ns > kPatienceNs) due.push_back(tgid);
    }
  }
  for (const pid_t tgid : due) {
    Former& former = formers_.find(tgid)->second.front();
    EmitVanished(former.process, former.since_ns);
    TakeFormer(tgid);
  }
}

void ProcessTable::EmitDueFormerThreads(int64_t now_ns) {
  std::vector<std::pair<pid_t, pid_t>> due;
  for (const auto& [tgid, threads] : former_threads_) {
    for (const FormerThread& thread : threads) {
      if (now_ns - thread.since_ns > kPatienceNs) due.emplace_back(tgid, thread.tid);
    }
  }
  for (const auto& [tgid, tid] : due) {
    TakeFormerThread(tgid, tid);
    Process& process = *FindMutable(tgid);
    // That was its last one.
    if (process.leader_exited && !HasOtherThreads(process)) Vanish(process, now_ns);
  }
}

}  // namespace cnproc
