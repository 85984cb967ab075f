// SPDX-License-Identifier: Apache-2.0
// Joins comm records with EXEC events, which come by different ways: the record is written first.
#ifndef CNPROC_COLLECTORS_PROCESS_COMM_RECORD_QUEUE_H_
#define CNPROC_COLLECTORS_PROCESS_COMM_RECORD_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "collectors/base/pid.h"
#include "collectors/process/comm_record.h"

namespace cnproc {

// Joins by timestamps alone, since records of several CPUs come in any order and ids are reused
// within one batch. A record is taken at most once. size() <= max_records: when it is full the
// oldest record gives way. Times are CLOCK_MONOTONIC. Pure; not thread safe.
class CommRecordQueue {
 public:
  // A record that no event came for (the exec failed after the kernel had renamed the task) is
  // dropped once one comes that is `max_age_ns` younger.
  CommRecordQueue(size_t max_records, int64_t max_age_ns);

  // Renames are ignored: they name no program.
  void Push(const CommRecord& record);

  // Records were lost, or EXEC events were, the last of them before that time. One of the two does
  // no harm: an exec whose record was lost gets none, and a record whose event was lost is older
  // than that of the next exec. Where both were lost, Take is careful.
  void OnRecordsLost(int64_t until_ns) { records_lost_ns_ = until_ns; }
  void OnEventsLost(int64_t until_ns) { events_lost_ns_ = until_ns; }

  // A process was forked: records from before that time are of another one that had its id.
  void OnFork(pid_t tgid, int64_t fork_ns);

  // Takes out the record of this process' exec at that time, which is the newest one before it, and
  // all that are older. Absent where it did not come, and where both the record and the event of
  // another exec may have been lost.
  std::optional<CommRecord> Take(pid_t tgid, int64_t exec_ns);

  // Whether a record says that a process with this id executed a program after that time: what was
  // read from /proc since then may be about the later program.
  bool HasLater(pid_t tgid, int64_t exec_ns) const;

  size_t size() const { return size_; }

 private:
  // Nearly all processes exec once, or twice in a row.
  using Records = absl::InlinedVector<CommRecord, 1>;
  struct Arrival {
    pid_t tgid = 0;
    int64_t timestamp_ns = 0;
  };

  using ByProcess = absl::flat_hash_map<pid_t, Records>;
  void DropOldest();
  std::optional<CommRecord> TakeUntil(pid_t tgid, int64_t until_ns);

  const size_t max_records_;
  const int64_t max_age_ns_;
  ByProcess records_;             // by tgid, oldest first
  std::deque<Arrival> arrivals_;  // of all records that are here, and of some that were taken
  size_t size_ = 0;
  int64_t records_lost_ns_ = INT64_MIN;
  int64_t events_lost_ns_ = INT64_MIN;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PROCESS_COMM_RECORD_QUEUE_H_
