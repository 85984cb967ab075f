// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/kmsg.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

#include "absl/strings/str_cat.h"
#include "collectors/base/text_scan.h"

namespace cnproc {
namespace {

// One read(2) gives one record, or EINVAL where it does not fit (kernel/printk:
// CONSOLE_EXT_LOG_MAX).
constexpr size_t kRecordBytes = 8192;
// More than the log holds by default: a kill is preceded by a line for each process of the host
// (vm.oom_dump_tasks), and must be found before the EXIT is applied.
constexpr int kMaxRecordsPerRead = 1 << 15;
// Priority is facility * 8 + level, and facility 0 is the kernel's: user space cannot write with
// it.
constexpr unsigned kFirstForeignPriority = 8;
constexpr size_t kMaxCommBytes = 15;

template <typename Number>
bool ConsumeNumber(std::string_view& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

// The kernel writes a backslash, control characters and what is not ASCII as \xNN.
std::string Unescape(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    unsigned byte = 0;
    if (text.size() >= 4 && text.starts_with("\\x") &&
        std::from_chars(text.data() + 2, text.data() + 4, byte, 16).ptr == text.data() + 4) {
      result += static_cast<char>(byte);
      text.remove_prefix(4);
    } else {
      result += text.front();
      text.remove_prefix(1);
    }
  }
  return result;
}

// "Out of memory: Killed process 12 (comm) …" or "Memory cgroup out of memory: …"; between the
// words and the colon there may be a reason in parentheses (mm/oom_kill.c: __oom_kill_process).
// The whole is compared from the beginning: what drivers log of a device's name, or the kernel of
// a program's, never stands there.
std::optional<OomKill> ParseKilled(std::string_view text) {
  OomKill kill;
  kill.in_cgroup = ConsumePrefix(text, "Memory cgroup out of memory");
  if (!kill.in_cgroup && !ConsumePrefix(text, "Out of memory")) return std::nullopt;
  if (ConsumePrefix(text, " (")) {
    text.remove_prefix(std::min(text.find(')'), text.size() - 1) + 1);
  }
  if (!ConsumePrefix(text, ": Killed process ") || !ConsumeNumber(text, kill.tid) ||
      !ConsumePrefix(text, " (") || kill.tid <= 0) {
    return std::nullopt;
  }
  return kill;
}

struct Selection {
  pid_t tid = 0;
  std::string_view cgroup_path;
};

// "oom-kill:constraint=…,task_memcg=PATH,task=COMM,pid=12,uid=0". Path and comm hold any bytes, so
// it is read from the right, where the numbers stand.
std::optional<Selection> ParseSelection(std::string_view text) {
  if (!text.starts_with("oom-kill:")) return std::nullopt;
  const size_t uid_at = text.rfind(",uid=");
  if (uid_at == std::string_view::npos) return std::nullopt;
  text = text.substr(0, uid_at);
  constexpr std::string_view kPid = ",pid=";
  const size_t pid_at = text.rfind(kPid);
  if (pid_at == std::string_view::npos) return std::nullopt;
  Selection selection;
  std::string_view pid = text.substr(pid_at + kPid.size());
  if (!ConsumeNumber(pid, selection.tid) || !pid.empty()) return std::nullopt;
  text = text.substr(0, pid_at);
  // A comm that reads ",task=" itself is more likely than a group whose name ends so: anyone can
  // name a process. Comm is short, so the first of those that can begin it is the one.
  constexpr std::string_view kTask = ",task=";
  const size_t longest = kTask.size() + kMaxCommBytes;
  const size_t task_at = text.find(kTask, text.size() - std::min(text.size(), longest));
  if (task_at == std::string_view::npos) return std::nullopt;
  text = text.substr(0, task_at);
  constexpr std::string_view kGroup = ",task_memcg=";
  const size_t group_at = text.rfind(kGroup);
  if (group_at == std::string_view::npos) return std::nullopt;
  selection.cgroup_path = text.substr(group_at + kGroup.size());
  return selection;
}

}  // namespace

// "6,1234,5678901,-;text", then lines that begin with a space: "KEY=value". New fields may stand
// before the semicolon.
std::optional<KmsgRecord> ParseKmsgRecord(std::string_view record) {
  KmsgRecord result;
  unsigned priority = 0;
  if (!ConsumeNumber(record, priority) || !ConsumePrefix(record, ",") ||
      !ConsumeNumber(record, result.sequence) || !ConsumePrefix(record, ",")) {
    return std::nullopt;
  }
  const size_t semicolon = record.find(';');
  if (semicolon == std::string_view::npos) return std::nullopt;
  record.remove_prefix(semicolon + 1);
  result.from_kernel = priority < kFirstForeignPriority;
  result.text = Unescape(record.substr(0, record.find('\n')));
  return result;
}

std::optional<OomKill> OomLog::Take(const KmsgRecord& record) {
  if (next_sequence_ && record.sequence > *next_sequence_) {
    lost_ += record.sequence - *next_sequence_;
    selected_tid_ = 0;
  }
  next_sequence_ = record.sequence + 1;
  if (!record.from_kernel) return std::nullopt;
  if (const std::optional<Selection> selection = ParseSelection(record.text)) {
    selected_tid_ = selection->tid;
    selected_cgroup_path_ = selection->cgroup_path;
    return std::nullopt;
  }
  std::optional<OomKill> kill = ParseKilled(record.text);
  if (kill && kill->tid == selected_tid_) {
    selected_tid_ = 0;
    kill->cgroup_path = std::move(selected_cgroup_path_);
  }
  return kill;
}

absl::StatusOr<KmsgReader> KmsgReader::Open(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd) {
    const int error = errno;
    const absl::Status status = absl::ErrnoToStatus(error, absl::StrCat("cannot open ", path));
    std::string remedy;
    if (error == EPERM || error == EACCES) {
      remedy =
          "grant CAP_SYSLOG, or set kernel.dmesg_restrict to 0; a container also needs the device";
    } else if (error == ENOENT || error == ENXIO) {
      remedy = "give the container the device";
    } else {
      return status;
    }
    // Runtimes of Kubernetes give devices to privileged containers alone.
    return absl::Status(
        status.code(), absl::StrCat(status.message(), "; ", remedy,
                                    " (--device=/dev/kmsg:/dev/kmsg:r; on Kubernetes overlay oom), "
                                    "or do without: --no-collector.oom"));
  }
  if (lseek(fd.get(), 0, SEEK_END) < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("lseek ", path));
  }
  return KmsgReader(std::move(fd));
}

absl::Status KmsgReader::Read(std::vector<OomKill>& kills) {
  std::array<char, kRecordBytes> buffer;
  for (int i = 0; i < kMaxRecordsPerRead; ++i) {
    const ssize_t length = read(fd_.get(), buffer.data(), buffer.size());
    if (length < 0 && errno == EAGAIN) return absl::OkStatus();
    // EPIPE: records were overwritten; the next one's number says how many. EINVAL: one did not
    // fit, and none that counts here is that long.
    if (length < 0 && (errno == EPIPE || errno == EINVAL || errno == EINTR)) continue;
    if (length < 0) return absl::ErrnoToStatus(errno, "read(/dev/kmsg)");
    if (length == 0) return absl::OkStatus();
    const std::optional<KmsgRecord> record =
        ParseKmsgRecord({buffer.data(), static_cast<size_t>(length)});
    if (!record) continue;
    if (std::optional<OomKill> kill = log_.Take(*record)) kills.push_back(*std::move(kill));
  }
  return absl::OkStatus();
}

}  // namespace cnproc
