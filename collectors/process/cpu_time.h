// SPDX-License-Identifier: Apache-2.0
// The CPU time of tasks that ended, as exactly as it follows from their exit records. Pure.
#ifndef CNPROC_COLLECTORS_PROCESS_CPU_TIME_H_
#define CNPROC_COLLECTORS_PROCESS_CPU_TIME_H_

#include <cstdint>

#include "collectors/process/exit_record.h"

namespace cnproc {

// Of one task, or of all threads of a process: add them up, then split the sum, as wait4(2) does.
struct CpuTime {
  int64_t total_ns = 0;
  // By the mode in which the ticks of the kernel's clock found it.
  int64_t user_ticks_us = 0;
  int64_t system_ticks_us = 0;

  CpuTime& operator+=(const CpuTime& other) {
    total_ns += other.total_ns;
    user_ticks_us += other.user_ticks_us;
    system_ticks_us += other.system_ticks_us;
    return *this;
  }

  // The total in the proportion of the ticks, to the nearest microsecond. As in the kernel's
  // cputime_adjust, all of it is user's where no tick found it in the kernel.
  int64_t total_us() const { return (total_ns + 500) / 1000; }
  int64_t system_us() const;
  int64_t user_us() const { return total_us() - system_us(); }
};

// Lacks what a task does after its record was made and, for a task that ever slept, the time since
// the scheduler's last update, less than a tick. `tick_ns` is the length of the kernel's clock
// tick.
CpuTime CpuTimeOf(const ExitRecord& record, int64_t tick_ns);

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PROCESS_CPU_TIME_H_
