// SPDX-License-Identifier: Apache-2.0
// Joins exit records with EXIT events: they come by different sockets, the record first.
#ifndef CNPROC_COLLECTORS_PROCESS_EXIT_RECORD_QUEUE_H_
#define CNPROC_COLLECTORS_PROCESS_EXIT_RECORD_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "collectors/base/pid.h"
#include "collectors/process/exit_record.h"

namespace cnproc {

// First in, first out for each task's id, because ids are reused within one batch. A record is
// taken at most once. size() <= max_records: when it is full the oldest record gives way. Every
// operation takes constant time, amortised. Pure; not thread safe.
class ExitRecordQueue {
 public:
  // A record whose event never came is dropped after `max_age_ns`.
  ExitRecordQueue(size_t max_records, int64_t max_age_ns);

  // `now_ns` is a time by which the record had been read, so its task had ended.
  void Push(const ExitRecord& record, int64_t now_ns);

  // Peek and Take first drop the records of earlier tasks with this id, whose EXIT events were
  // lost: those of another process, and those that were read before this task was forked.
  //
  // Peek returns the record of the next EXIT event of this task; null if none came, and, if
  // something was lost (`lossless` is false), also where the record could be of another task. Valid
  // until the next call of another method.
  const ExitRecord* Peek(const TaskLife& task, bool lossless);
  // Takes that record out. If something was lost, give the task's lifetime: the record must fit it.
  std::optional<ExitRecord> Take(const TaskLife& task, std::optional<int64_t> lifetime_us);

  size_t size() const { return slots_.size() - 1 - free_.size(); }

 private:
  using Index = uint32_t;
  static constexpr Index kNone = 0;

  // The slots in use form a ring through slot 0, the oldest first after it.
  struct Slot {
    ExitRecord record;
    int64_t received_ns = 0;
    Index older = kNone;
    Index newer = kNone;
    Index next_of_task = kNone;
  };
  struct Task {
    Index first = kNone;
    Index last = kNone;
  };

  Index Allocate();
  using Tasks = absl::flat_hash_map<pid_t, Task>;
  bool DropFirst(Tasks::iterator task);
  // Returns false if none is left.
  bool DropEarlierTasks(Tasks::iterator task, const TaskLife& life);
  void DropOldest() { DropFirst(tasks_.find(slots_[slots_[kNone].newer].record.tid)); }

  const size_t max_records_;
  const int64_t max_age_ns_;
  std::vector<Slot> slots_;
  std::vector<Index> free_;
  Tasks tasks_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PROCESS_EXIT_RECORD_QUEUE_H_
