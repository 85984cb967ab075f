// SPDX-License-Identifier: Apache-2.0
// What the kernel called a task at the moment of an exec or a rename (PERF_RECORD_COMM), decoded,
// with nothing added. Vocabulary, as event.h is.
#ifndef CNPROC_COLLECTORS_PROCESS_COMM_RECORD_H_
#define CNPROC_COLLECTORS_PROCESS_COMM_RECORD_H_

#include <array>
#include <cstdint>
#include <string_view>

#include "collectors/base/pid.h"

namespace cnproc {

// At an exec begin_new_exec (fs/exec.c) writes it, a moment before the EXEC event of the process:
// the event has the later timestamp.
struct CommRecord {
  pid_t tgid = 0;
  pid_t tid = 0;
  int64_t timestamp_ns = 0;  // CLOCK_MONOTONIC
  // Whether comm is the name of a program; else it is a name that a task gave itself or another.
  bool is_exec = false;
  // Any bytes, ends at the first NUL. Of a script it is the script's name.
  std::array<char, 16> comm{};

  std::string_view name() const { return comm.data(); }
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PROCESS_COMM_RECORD_H_
