// SPDX-License-Identifier: Apache-2.0
// pid_t, the id of a process or a thread, for rooms that make no system calls.
#ifndef CNPROC_COLLECTORS_BASE_PID_H_
#define CNPROC_COLLECTORS_BASE_PID_H_

#include <sys/types.h>  // IWYU pragma: export

#endif  // CNPROC_COLLECTORS_BASE_PID_H_
