// SPDX-License-Identifier: Apache-2.0
#include "collectors/process/comm_record_queue.h"

#include <algorithm>

namespace cnproc {
namespace {

// perf reads the clock in a way that takes no lock (ktime_get_mono_fast_ns): beside an update of
// the clock it may be ahead of the other by less than this. No program gets as far as its next exec
// in that time.
constexpr int64_t kClockSlackNs = 1000;

bool IsOlder(const CommRecord& a, const CommRecord& b) { return a.timestamp_ns < b.timestamp_ns; }

}  // namespace

CommRecordQueue::CommRecordQueue(size_t max_records, int64_t max_age_ns)
    : max_records_(max_records), max_age_ns_(max_age_ns) {}

void CommRecordQueue::Push(const CommRecord& record) {
  if (!record.is_exec) return;
  while (!arrivals_.empty() &&
         (arrivals_.size() >= max_records_ ||
          arrivals_.front().timestamp_ns < record.timestamp_ns - max_age_ns_)) {
    DropOldest();
  }
  Records& records = records_[record.tgid];
  records.insert(std::upper_bound(records.begin(), records.end(), record, IsOlder), record);
  arrivals_.push_back({record.tgid, record.timestamp_ns});
  ++size_;
}

// It may have been taken.
void CommRecordQueue::DropOldest() {
  const Arrival oldest = arrivals_.front();
  arrivals_.pop_front();
  const auto found = records_.find(oldest.tgid);
  if (found == records_.end()) return;
  Records& records = found->second;
  const auto record = std::find_if(records.begin(), records.end(), [&oldest](const CommRecord& r) {
    return r.timestamp_ns == oldest.timestamp_ns;
  });
  if (record == records.end()) return;
  records.erase(record);
  --size_;
  if (records.empty()) records_.erase(found);
}

void CommRecordQueue::OnFork(pid_t tgid, int64_t fork_ns) {
  if (!records_.empty()) (void)TakeUntil(tgid, fork_ns);
}

std::optional<CommRecord> CommRecordQueue::Take(pid_t tgid, int64_t exec_ns) {
  const std::optional<CommRecord> record = TakeUntil(tgid, exec_ns + kClockSlackNs);
  // Of an exec whose event was lost, while the record of this one was.
  const bool doubtful =
      record && record->timestamp_ns < std::min(records_lost_ns_, events_lost_ns_);
  return doubtful ? std::nullopt : record;
}

// The newest of them; none of them stays.
std::optional<CommRecord> CommRecordQueue::TakeUntil(pid_t tgid, int64_t until_ns) {
  const auto found = records_.find(tgid);
  if (found == records_.end()) return std::nullopt;
  Records& records = found->second;
  CommRecord last;
  last.timestamp_ns = until_ns;
  const auto later = std::upper_bound(records.begin(), records.end(), last, IsOlder);
  if (later == records.begin()) return std::nullopt;
  const CommRecord newest = *(later - 1);
  size_ -= static_cast<size_t>(later - records.begin());
  records.erase(records.begin(), later);
  if (records.empty()) records_.erase(found);
  return newest;
}

bool CommRecordQueue::HasLater(pid_t tgid, int64_t exec_ns) const {
  const auto found = records_.find(tgid);
  return found != records_.end() && found->second.back().timestamp_ns > exec_ns + kClockSlackNs;
}

}  // namespace cnproc
