// SPDX-License-Identifier: Apache-2.0
// What is read from /proc. Thread safe: holds nothing but the path.
#ifndef CNPROC_COLLECTORS_KERNEL_PROCFS_H_
#define CNPROC_COLLECTORS_KERNEL_PROCFS_H_

#include <dirent.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "collectors/process/event.h"

namespace cnproc {

// A unit of time of /proc/PID/stat, and by how much the clock of its start times, CLOCK_BOOTTIME of
// whoever reads, is ahead of CLOCK_MONOTONIC now: by as much as the machine slept since it booted.
int64_t NsPerUserTick();
int64_t BoottimeOffsetNs();

class ProcFs {
 public:
  explicit ProcFs(std::string root) : root_(std::move(root)) {}

  const std::string& root() const { return root_; }

  // Forks since boot, threads included: the `processes` line of /proc/stat.
  absl::StatusOr<uint64_t> TotalForks() const;
  // Tasks now, zombies included: the fourth field of /proc/loadavg.
  absl::StatusOr<uint64_t> Tasks() const;
  absl::StatusOr<uint64_t> PidMax() const;
  absl::StatusOr<uint64_t> ThreadsMax() const;
  // Processes killed for want of memory since boot: the `oom_kill` line of /proc/vmstat.
  absl::StatusOr<uint64_t> OomKills() const;

  // OK if the processes of other users can be read: hidepid of proc(5) hides them from whom lacks
  // CAP_SYS_PTRACE.
  absl::Status SeesEveryProcess() const;

  // The whole of a small file below the root, at most 4 MiB of it.
  absl::StatusOr<std::string> Read(absl::string_view relative_path) const;

 private:
  absl::StatusOr<uint64_t> ReadNumber(absl::string_view relative_path) const;
  absl::StatusOr<uint64_t> ReadLine(absl::string_view relative_path, absl::string_view name) const;

  std::string root_;
};

// The text of /proc/PID/stat and /proc/PID/status, understood. False if they are not of that form
// or the process has ended. `ns_per_tick` and `boottime_offset_ns` (CLOCK_BOOTTIME less
// CLOCK_MONOTONIC) turn the start time, in ticks since boot, into CLOCK_MONOTONIC.
struct ParsedStat {
  ProcessSnapshot process;
  uint64_t threads = 0;  // a leader that is a zombie included
};
bool ParseStat(absl::string_view stat, int64_t ns_per_tick, int64_t boottime_offset_ns,
               ParsedStat& parsed);
bool ParseStatusUids(absl::string_view status, uint32_t& real_uid, uint32_t& effective_uid);

// One walk through /proc, done in steps so that the events that arrive meanwhile can be read in
// between. Used by one thread.
class ProcessScan {
 public:
  // `with_cgroup` also reads /proc/PID/cgroup of every process. An error where not every process is
  // there to be seen: those that are hidden would seem to have vanished.
  static absl::StatusOr<std::unique_ptr<ProcessScan>> Begin(const ProcFs& procfs, bool with_cgroup);

  // Reads up to `count` more processes; true once all were read. An error where not all could be,
  // for want of descriptors or memory.
  absl::StatusOr<bool> Step(size_t count);
  // Those read so far; the caller may take out what it needs no more.
  std::vector<ProcessSnapshot>& processes() { return processes_; }
  const std::vector<ProcessSnapshot>& processes() const { return processes_; }

 private:
  struct CloseDirectory {
    void operator()(DIR* directory) const { closedir(directory); }
  };

  ProcessScan(const ProcFs& procfs, bool with_cgroup, DIR* directory);
  absl::Status ReadProcess(const char* name);
  absl::Status ReadThreads(const char* name, ProcessSnapshot& process) const;

  const ProcFs& procfs_;
  const bool with_cgroup_;
  const int64_t ns_per_tick_;
  const int64_t boottime_offset_ns_;
  std::unique_ptr<DIR, CloseDirectory> directory_;
  std::vector<ProcessSnapshot> processes_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_PROCFS_H_
