// SPDX-License-Identifier: Apache-2.0
#include "collectors/process/exit_record_queue.h"

namespace cnproc {
namespace {

// The record's time ends before the task gives its memory back, the event's after it, which takes a
// second for each half of a gigabyte where it is slow. Both begin with the fork, the event's some
// microseconds later.
constexpr int64_t kRecordMayBeLongerUs = 50'000;
constexpr int64_t kRecordMayBeShorterUs = 200'000;
constexpr uint64_t kBytesFreedInUs = 512;

bool IsOf(const ExitRecord& record, int64_t lifetime_us) {
  const int64_t longer_us = record.elapsed_us - lifetime_us;
  const auto freeing_us = static_cast<int64_t>(record.peak_resident_bytes / kBytesFreedInUs);
  return longer_us <= kRecordMayBeLongerUs && -longer_us <= kRecordMayBeShorterUs + freeing_us;
}

}  // namespace

ExitRecordQueue::ExitRecordQueue(size_t max_records, int64_t max_age_ns)
    : max_records_(max_records), max_age_ns_(max_age_ns), slots_(1) {}

ExitRecordQueue::Index ExitRecordQueue::Allocate() {
  if (free_.empty()) {
    slots_.emplace_back();
    return static_cast<Index>(slots_.size() - 1);
  }
  const Index index = free_.back();
  free_.pop_back();
  return index;
}

void ExitRecordQueue::Push(const ExitRecord& record, int64_t now_ns) {
  // The oldest of all is the first of its task.
  for (Index oldest = slots_[kNone].newer;
       oldest != kNone && now_ns - slots_[oldest].received_ns > max_age_ns_;
       oldest = slots_[kNone].newer) {
    DropOldest();
  }
  if (size() >= max_records_) DropOldest();
  const Index index = Allocate();
  const Index newest = slots_[kNone].older;
  slots_[index] = {.record = record,
                   .received_ns = now_ns,
                   .older = newest,
                   .newer = kNone,
                   .next_of_task = kNone};
  slots_[newest].newer = index;
  slots_[kNone].older = index;
  Task& task = tasks_[record.tid];
  if (task.first == kNone) {
    task.first = index;
  } else {
    slots_[task.last].next_of_task = index;
  }
  task.last = index;
}

// Returns false if that was the task's last.
bool ExitRecordQueue::DropFirst(Tasks::iterator task) {
  const Index index = task->second.first;
  const Slot& slot = slots_[index];
  slots_[slot.older].newer = slot.newer;
  slots_[slot.newer].older = slot.older;
  free_.push_back(index);
  task->second.first = slot.next_of_task;
  if (slot.next_of_task != kNone) return true;
  tasks_.erase(task);
  return false;
}

bool ExitRecordQueue::DropEarlierTasks(Tasks::iterator task, const TaskLife& life) {
  for (;;) {
    const Slot& first = slots_[task->second.first];
    const bool other_process = first.record.tgid != 0 && first.record.tgid != life.tgid;
    if (!other_process && first.received_ns >= life.start_ns) return true;
    if (!DropFirst(task)) return false;
  }
}

const ExitRecord* ExitRecordQueue::Peek(const TaskLife& life, bool lossless) {
  const auto task = tasks_.find(life.tid);
  if (task == tasks_.end() || !DropEarlierTasks(task, life)) return nullptr;
  const Slot& first = slots_[task->second.first];
  return lossless || first.next_of_task == kNone ? &first.record : nullptr;
}

std::optional<ExitRecord> ExitRecordQueue::Take(const TaskLife& life,
                                                std::optional<int64_t> lifetime_us) {
  const auto task = tasks_.find(life.tid);
  for (bool has_more = task != tasks_.end(); has_more;) {
    if (!DropEarlierTasks(task, life)) break;
    const Index first = task->second.first;
    has_more = DropFirst(task);
    // Free now, and as it was until the next push.
    const ExitRecord& record = slots_[first].record;
    if (!lifetime_us || IsOf(record, *lifetime_us)) return record;
  }
  return std::nullopt;
}

}  // namespace cnproc
