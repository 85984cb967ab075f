// SPDX-License-Identifier: Apache-2.0
// Joins exit records with EXIT events: they come by different sockets, the record first.
#ifndef CNPROC_COLLECTORS_PROCESS_EXIT_RECORD_QUEUE_H_
#define CNPROC_COLLECTORS_PROCESS_EXIT_RECORD_QUEUE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "collectors/process/exit_record.h"

namespace cnproc {

// First in, first out for each task's id: ids come round again within one batch. Bounded: the
// oldest record gives way. Every operation takes constant time, amortised. Not thread safe.
class ExitRecordQueue {
 public:
  // A record whose event never came is dropped after `max_age_ns`.
  ExitRecordQueue(size_t max_records, int64_t max_age_ns);

  void Push(const ExitRecord& record, int64_t now_ns);

  // The record of the next EXIT event of this task; null if none came. Valid until the next call
  // of another method.
  const ExitRecord* Peek(pid_t tid) const;

  // Takes it. Where events or records were lost, give the task's lifetime: records of tasks that
  // had the id before are then told by their own and dropped.
  std::optional<ExitRecord> Take(pid_t tid, std::optional<int64_t> lifetime_us);

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
  void DropOldest() { DropFirst(tasks_.find(slots_[slots_[kNone].newer].record.tid)); }

  const size_t max_records_;
  const int64_t max_age_ns_;
  std::vector<Slot> slots_;
  std::vector<Index> free_;
  Tasks tasks_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PROCESS_EXIT_RECORD_QUEUE_H_
