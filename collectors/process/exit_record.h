// SPDX-License-Identifier: Apache-2.0
// What the kernel's accounting says of a task that ended (struct taskstats), decoded, with nothing
// added. Vocabulary, as event.h is.
#ifndef CNPROC_COLLECTORS_PROCESS_EXIT_RECORD_H_
#define CNPROC_COLLECTORS_PROCESS_EXIT_RECORD_H_

#include <array>
#include <cstdint>

#include "collectors/base/pid.h"
#include "collectors/process/event.h"

namespace cnproc {

// The life of one task. It distinguishes its record from those of other tasks with the same id.
struct TaskLife {
  pid_t tid = 0;
  pid_t tgid = 0;
  int64_t start_ns = kUnknownStart;  // CLOCK_MONOTONIC
};

// One record for every ending task, threads included; its EXIT event follows.
struct ExitRecord {
  // At the task's end: of a program exec'd the file's base name, of a forked child its parent's,
  // of a thread its own. Any bytes, ends at the first NUL.
  std::array<char, 16> comm{};
  pid_t tid = 0;
  // 0 before version 12 of the record (Linux 5.19). An exec by a thread that is no leader leaves
  // two records with tid = tgid: the old leader's, and at its end the program's.
  pid_t tgid = 0;
  pid_t parent_tgid = 0;
  uint32_t wait_status = 0;  // as wait(2) gives it
  uint32_t real_uid = 0;
  bool last_of_group = false;  // ended its process; never set before version 12
  bool never_execed = false;   // set on a leader's record only
  int64_t elapsed_us = 0;      // since the task's fork
  // Of this task alone, as often as a tick of the kernel's clock caught it in either mode: right in
  // the sum of long lives. A scheduler that switches on ticks hides short ones from them.
  int64_t user_ticks_us = 0;
  int64_t system_ticks_us = 0;
  // What the scheduler measured: exact, but for the time since it was last updated (by a tick or a
  // switch).
  int64_t scheduled_ns = 0;
  int64_t run_delay_ns = 0;  // runnable, but waiting for a CPU
  uint64_t times_run = 0;    // got a CPU; 0 where the kernel keeps neither of the two above
  uint64_t voluntary_switches = 0;
  uint64_t nonvoluntary_switches = 0;
  uint64_t minor_faults = 0;
  uint64_t major_faults = 0;
  // From and to storage, of this task alone, in whole KiB: what was read for it, what it dirtied.
  uint64_t read_bytes = 0;
  uint64_t written_bytes = 0;
  // Of the process. By counters of each CPU that are added up in batches: from Linux 6.2 on it may
  // lack some 100 KiB a CPU, and is 0 for many short lives, in wait4(2) too.
  uint64_t peak_resident_bytes = 0;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PROCESS_EXIT_RECORD_H_
