// SPDX-License-Identifier: Apache-2.0
// Reads the arguments of processes, whole: a Java class path is longer than a page.
#ifndef CNPROC_COLLECTORS_KERNEL_COMMAND_LINE_H_
#define CNPROC_COLLECTORS_KERNEL_COMMAND_LINE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace cnproc {

// How much may be read at a time, so that whoever executes programs with megabytes of arguments in
// a loop, for which nobody needs a privilege, does not keep the reader from its events. Time is of
// any clock that never goes back.
class CommandLineBudget {
 public:
  static constexpr size_t kBurstBytes = 32 << 20;
  static constexpr size_t kBytesPerSecond = 8 << 20;

  // Takes up to so many bytes out of what is left.
  size_t Take(size_t bytes, int64_t now_ns);

 private:
  size_t left_ = kBurstBytes;
  int64_t filled_ns_ = 0;
};

// The kernel takes no more than three quarters of 8 MiB (fs/exec.c: bprm_stack_limits); a process
// that has made another part of its memory its arguments (prctl(PR_SET_MM)) is cut there.
inline constexpr size_t kMaxCommandLineBytes = 6 << 20;
// What is read of every process, whatever the budget says.
inline constexpr size_t kCommandLineBytesAlways = 4096;

// The content of TGID/cmdline below the directory: arguments, each with a NUL after it. Absent if
// it cannot be read; empty for a process that has ended, but is not reaped. Read in pieces: it
// takes memory as it is long. Where the budget is used up only the beginning is told.
std::optional<std::string> ReadCommandLine(int procfs_directory, pid_t tgid,
                                           CommandLineBudget& budget);

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_COMMAND_LINE_H_
