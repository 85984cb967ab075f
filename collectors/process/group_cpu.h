// SPDX-License-Identifier: Apache-2.0
// The CPU time of whole processes, by the exit records of all their threads. Pure.
#ifndef CNPROC_COLLECTORS_PROCESS_GROUP_CPU_H_
#define CNPROC_COLLECTORS_PROCESS_GROUP_CPU_H_

#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "collectors/base/pid.h"
#include "collectors/process/cpu_time.h"
#include "collectors/process/exit_record.h"

namespace cnproc {

// Holds something for those processes only of which a thread has ended. Not thread safe.
class GroupCpu {
 public:
  // `tick_ns` as CpuTimeOf has it.
  explicit GroupCpu(int64_t tick_ns) : tick_ns_(tick_ns) {}

  // A thread of this process ended, and the process lives on.
  void OnThreadExit(pid_t tgid, const ExitRecord& record) {
    ended_[tgid] += CpuTimeOf(record, tick_ns_);
  }
  // Of a process that ends, with the record of its last thread.
  CpuTime TotalOf(pid_t tgid, const ExitRecord& last) const {
    CpuTime total = CpuTimeOf(last, tick_ns_);
    if (ended_.empty()) return total;
    if (const auto ended = ended_.find(tgid); ended != ended_.end()) total += ended->second;
    return total;
  }
  void Forget(pid_t tgid) {
    if (!ended_.empty()) ended_.erase(tgid);
  }

 private:
  const int64_t tick_ns_;
  absl::flat_hash_map<pid_t, CpuTime> ended_;  // by tgid
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PROCESS_GROUP_CPU_H_
