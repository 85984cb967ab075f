// SPDX-License-Identifier: Apache-2.0
// The kernel's log (/dev/kmsg, Documentation/ABI/testing/dev-kmsg), for what it says of processes
// that it killed for want of memory.
#ifndef CNPROC_COLLECTORS_KERNEL_KMSG_H_
#define CNPROC_COLLECTORS_KERNEL_KMSG_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collectors/base/unique_fd.h"

namespace cnproc {

struct OomKill {
  pid_t tid = 0;           // the process's, or another thread's if its leader has ended
  bool in_cgroup = false;  // by the limit of a memory cgroup, else for want of the host's memory
  // The victim's memory cgroup; empty where the kernel's limit on log lines left it out.
  std::string cgroup_path;
};

// The log is that of the kernel only: a line that anyone else wrote is ignored, however it reads.
struct KmsgRecord {
  uint64_t sequence = 0;  // successive records differ by one
  bool from_kernel = false;
  std::string text;  // unescaped: any bytes
};
std::optional<KmsgRecord> ParseKmsgRecord(std::string_view record);

// Follows the log line by line. Pure, not thread safe.
class OomLog {
 public:
  // A kill, if this line completes one. The line "oom-kill:" comes first, and tells the cgroup;
  // "Killed process" follows. Only the latter is never left out, so it alone counts.
  std::optional<OomKill> Take(const KmsgRecord& record);

  // Records that were overwritten before they were read, by the gaps in their sequence.
  uint64_t lost() const { return lost_; }

 private:
  std::optional<uint64_t> next_sequence_;
  uint64_t lost_ = 0;
  pid_t selected_tid_ = 0;  // of the newest "oom-kill:" line
  std::string selected_cgroup_path_;
};

// Owns its descriptor. Not thread safe.
class KmsgReader {
 public:
  // Begins behind the newest record. Errors: kPermissionDenied without CAP_SYSLOG where
  // kernel.dmesg_restrict is 1.
  static absl::StatusOr<KmsgReader> Open(const std::string& path);

  // Appends the kills logged since the last call. Never blocks, reads a bounded number of records;
  // what is left waits for the next call.
  absl::Status Read(std::vector<OomKill>& kills);

  uint64_t lost() const { return log_.lost(); }

 private:
  explicit KmsgReader(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
  OomLog log_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_KMSG_H_
