// SPDX-License-Identifier: Apache-2.0
// What living processes have used of the machine, as the kernel says it. Vocabulary, as event.h is.
#ifndef CNPROC_COLLECTORS_PROCESS_PROCESS_USE_H_
#define CNPROC_COLLECTORS_PROCESS_PROCESS_USE_H_

#include <cstdint>

#include "collectors/base/pid.h"

namespace cnproc {

// Since its fork; by all its threads, ended ones too, and none of its children.
struct ProcessUse {
  int64_t user_us = 0;
  int64_t system_us = 0;
};

// A process as it was read on its own.
struct UsageSample {
  pid_t tgid = 0;
  int64_t start_ns = 0;  // CLOCK_MONOTONIC, rounded down to a clock tick
  ProcessUse use;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PROCESS_PROCESS_USE_H_
