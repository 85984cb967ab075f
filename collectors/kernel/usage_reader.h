// SPDX-License-Identifier: Apache-2.0
// What one living process has used so far.
#ifndef CNPROC_COLLECTORS_KERNEL_USAGE_READER_H_
#define CNPROC_COLLECTORS_KERNEL_USAGE_READER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "collectors/base/pid.h"
#include "collectors/base/unique_fd.h"
#include "collectors/process/process_use.h"

namespace cnproc {

// Needs no privilege, but where hidepid of proc(5) hides processes. Not thread safe.
class UsageReader {
 public:
  static absl::StatusOr<UsageReader> Open(const std::string& procfs_root);

  // Three system calls, on /proc/PID/stat: 6 to 14 us (Linux 6.18). CPU times are in clock ticks
  // there, rounded down. Nothing if the process has ended and was waited for.
  std::optional<UsageSample> Read(pid_t tgid) const;

  // Start times are those of a clock that goes on while the machine sleeps: call it before some
  // readings.
  void AdjustClock();

 private:
  explicit UsageReader(UniqueFd directory);

  UniqueFd directory_;
  int64_t ns_per_tick_;
  int64_t boottime_offset_ns_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_USAGE_READER_H_
