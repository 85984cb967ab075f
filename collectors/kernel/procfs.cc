// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/procfs.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "collectors/base/time.h"
#include "collectors/kernel/read_file.h"

namespace cnproc {
namespace {

// PF_KTHREAD of include/linux/sched.h, field 9 of /proc/PID/stat.
constexpr uint64_t kKernelThreadFlag = 0x00200000;

// Numbers of fields after the comm, as proc(5) counts them less 3.
enum StatField : size_t {
  kState = 0,
  kParent = 1,
  kFlags = 6,
  kUserTime = 11,
  kSystemTime = 12,
  kThreads = 17,
  kStartTime = 19,
  kStatFields  // those that are of interest
};
using StatFields = std::array<absl::string_view, kStatFields>;

// False if there are not as many.
bool SplitFields(absl::string_view text, StatFields& fields) {
  for (absl::string_view& field : fields) {
    if (text.empty()) return false;
    const size_t length = std::min(text.find(' '), text.size());
    field = text.substr(0, length);
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  return true;
}

// Bounded to three hundred years, so that sums of it do not overflow.
bool ParseTicks(absl::string_view text, int64_t ns_per_tick, int64_t& us) {
  constexpr uint64_t kMaxTicks = uint64_t{1} << 40;
  uint64_t ticks = 0;
  if (!absl::SimpleAtoi(text, &ticks)) return false;
  us = static_cast<int64_t>(std::min(ticks, kMaxTicks)) * (ns_per_tick / 1000);
  return true;
}

bool IsPid(const char* name) { return std::isdigit(static_cast<unsigned char>(name[0])) != 0; }

}  // namespace

absl::StatusOr<std::string> ProcFs::Read(absl::string_view relative_path) const {
  return ReadWholeFile(absl::StrCat(root_, "/", relative_path));
}

absl::StatusOr<uint64_t> ProcFs::ReadNumber(absl::string_view relative_path) const {
  absl::StatusOr<std::string> text = Read(relative_path);
  if (!text.ok()) return text.status();
  uint64_t number = 0;
  if (!absl::SimpleAtoi(*text, &number)) {
    return absl::DataLossError(absl::StrCat(root_, "/", relative_path, " holds no number"));
  }
  return number;
}

absl::StatusOr<uint64_t> ProcFs::ReadLine(absl::string_view relative_path,
                                          absl::string_view name) const {
  absl::StatusOr<std::string> text = Read(relative_path);
  if (!text.ok()) return text.status();
  const std::string prefix = absl::StrCat(name, " ");
  for (const absl::string_view line : absl::StrSplit(*text, '\n')) {
    uint64_t number = 0;
    if (absl::StartsWith(line, prefix) && absl::SimpleAtoi(line.substr(prefix.size()), &number)) {
      return number;
    }
  }
  return absl::DataLossError(absl::StrCat(root_, "/", relative_path, " has no line `", name, "`"));
}

absl::StatusOr<uint64_t> ProcFs::TotalForks() const { return ReadLine("stat", "processes"); }

absl::StatusOr<uint64_t> ProcFs::OomKills() const { return ReadLine("vmstat", "oom_kill"); }

absl::StatusOr<uint64_t> ProcFs::Tasks() const {
  absl::StatusOr<std::string> text = Read("loadavg");
  if (!text.ok()) return text.status();
  // As 0.08 0.03 0.01 1/123 4567: running / existing tasks.
  const std::vector<absl::string_view> fields = absl::StrSplit(*text, ' ');
  uint64_t tasks = 0;
  if (fields.size() < 4) return absl::DataLossError(absl::StrCat(root_, "/loadavg is cut"));
  const std::pair<absl::string_view, absl::string_view> counts =
      absl::StrSplit(fields[3], absl::MaxSplits('/', 1));
  if (!absl::SimpleAtoi(counts.second, &tasks)) {
    return absl::DataLossError(absl::StrCat(root_, "/loadavg holds no number of tasks"));
  }
  return tasks;
}

absl::StatusOr<uint64_t> ProcFs::PidMax() const { return ReadNumber("sys/kernel/pid_max"); }

absl::StatusOr<uint64_t> ProcFs::ThreadsMax() const { return ReadNumber("sys/kernel/threads-max"); }

absl::Status ProcFs::SeesEveryProcess() const {
  absl::Status init = Read("1/stat").status();
  if (!absl::IsNotFound(init) && !absl::IsPermissionDenied(init)) return init;
  return absl::PermissionDeniedError(absl::StrCat(
      init.message(), ": ", root_,
      " hides the processes of other users (mount option hidepid), so they cannot be named, placed "
      "in units and containers, or reconciled after a loss; grant CAP_SYS_PTRACE"));
}

int64_t NsPerUserTick() { return kNsPerSecond / std::max(sysconf(_SC_CLK_TCK), 1L); }

// /proc shows start times by the CLOCK_BOOTTIME of whoever reads, that of his time namespace.
// In this order, so that a pause between the two makes processes look older. Younger than they are
// known to be, they would pass for others with their ids.
int64_t BoottimeOffsetNs() {
  const int64_t monotonic_ns = MonotonicNs();
  return ClockNs(CLOCK_BOOTTIME) - monotonic_ns;
}

bool ParseStat(absl::string_view stat, int64_t ns_per_tick, int64_t boottime_offset_ns,
               ParsedStat& parsed) {
  // The comm may hold anything, ") R 1" too: it ends at the last parenthesis.
  const size_t open = stat.find('(');
  const size_t close = stat.rfind(')');
  if (open == absl::string_view::npos || close == absl::string_view::npos || close < open) {
    return false;
  }
  ProcessSnapshot& process = parsed.process;
  if (!absl::SimpleAtoi(stat.substr(0, open), &process.tgid)) return false;
  process.comm = std::string(stat.substr(open + 1, close - open - 1));
  if (close + 2 >= stat.size()) return false;
  StatFields fields;
  uint64_t flags = 0;
  uint64_t start_ticks = 0;
  if (!SplitFields(stat.substr(close + 2), fields) || fields[kState].empty() ||
      !absl::SimpleAtoi(fields[kParent], &process.parent_tgid) ||
      !absl::SimpleAtoi(fields[kFlags], &flags) ||
      !absl::SimpleAtoi(fields[kThreads], &parsed.threads) ||
      !ParseTicks(fields[kUserTime], ns_per_tick, process.use.user_us) ||
      !ParseTicks(fields[kSystemTime], ns_per_tick, process.use.system_us) ||
      !absl::SimpleAtoi(fields[kStartTime], &start_ticks)) {
    return false;
  }
  // Modulo 2^64: what started before the clock of our time namespace began has a huge number.
  process.start_ns =
      static_cast<int64_t>(start_ticks * static_cast<uint64_t>(ns_per_tick)) - boottime_offset_ns;
  process.kernel_thread = (flags & kKernelThreadFlag) != 0;
  const char state = fields[kState][0];
  process.leader_exited = state == 'Z' || state == 'X';
  return true;
}

bool ParseStatusUids(absl::string_view status, uint32_t& real_uid, uint32_t& effective_uid) {
  const size_t line = status.find("\nUid:");
  if (line == absl::string_view::npos) return false;
  const std::vector<absl::string_view> fields =
      absl::StrSplit(status.substr(line + 5), absl::MaxSplits(absl::ByAnyChar("\t\n"), 3));
  return fields.size() > 2 && absl::SimpleAtoi(fields[1], &real_uid) &&
         absl::SimpleAtoi(fields[2], &effective_uid);
}

absl::StatusOr<std::unique_ptr<ProcessScan>> ProcessScan::Begin(const ProcFs& procfs,
                                                                bool with_cgroup) {
  if (absl::Status status = procfs.SeesEveryProcess(); !status.ok()) return status;
  DIR* directory = opendir(procfs.root().c_str());
  if (directory == nullptr) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot list ", procfs.root()));
  }
  return std::unique_ptr<ProcessScan>(new ProcessScan(procfs, with_cgroup, directory));
}

ProcessScan::ProcessScan(const ProcFs& procfs, bool with_cgroup, DIR* directory)
    : procfs_(procfs),
      with_cgroup_(with_cgroup),
      ns_per_tick_(NsPerUserTick()),
      boottime_offset_ns_(BoottimeOffsetNs()),
      directory_(directory) {}

absl::StatusOr<bool> ProcessScan::Step(size_t count) {
  while (count > 0) {
    errno = 0;
    const dirent* entry = readdir(directory_.get());
    if (entry == nullptr) {
      if (errno == 0) return true;
      return absl::ErrnoToStatus(errno, absl::StrCat("cannot list ", procfs_.root()));
    }
    if (!IsPid(entry->d_name)) continue;
    const absl::Status status = ReadProcess(entry->d_name);
    if (absl::IsResourceExhausted(status)) return status;
    --count;
  }
  return false;
}

// What has ended meanwhile is left out: its exit is in the queue.
absl::Status ProcessScan::ReadProcess(const char* name) {
  const absl::StatusOr<std::string> stat = procfs_.Read(absl::StrCat(name, "/stat"));
  if (!stat.ok()) return stat.status();
  const absl::StatusOr<std::string> status = procfs_.Read(absl::StrCat(name, "/status"));
  if (!status.ok()) return status.status();
  ParsedStat parsed;
  if (!ParseStat(*stat, ns_per_tick_, boottime_offset_ns_, parsed)) return absl::OkStatus();
  ProcessSnapshot& process = parsed.process;
  ParseStatusUids(*status, process.real_uid, process.effective_uid);
  if (parsed.threads > 1) {
    if (absl::Status threads = ReadThreads(name, process); !threads.ok()) return threads;
  }
  if (process.leader_exited && process.other_threads.empty()) return absl::OkStatus();
  if (with_cgroup_) {
    absl::StatusOr<std::string> cgroup = procfs_.Read(absl::StrCat(name, "/cgroup"));
    if (absl::IsResourceExhausted(cgroup.status())) return cgroup.status();
    process.cgroup = std::move(cgroup).value_or("");
  }
  processes_.push_back(std::move(process));
  return absl::OkStatus();
}

absl::Status ProcessScan::ReadThreads(const char* name, ProcessSnapshot& process) const {
  const std::string path = absl::StrCat(procfs_.root(), "/", name, "/task");
  const std::unique_ptr<DIR, CloseDirectory> tasks(opendir(path.c_str()));
  if (tasks == nullptr) return absl::ErrnoToStatus(errno, absl::StrCat("cannot list ", path));
  while (const dirent* entry = readdir(tasks.get())) {
    pid_t tid = 0;
    if (IsPid(entry->d_name) && absl::SimpleAtoi(entry->d_name, &tid) && tid != process.tgid) {
      process.other_threads.push_back(tid);
    }
  }
  return absl::OkStatus();
}

}  // namespace cnproc
