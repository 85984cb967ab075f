// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/process_reader.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "collectors/kernel/read_file.h"

namespace cnproc {
namespace {

// 14 hierarchies with a path of 255 bytes each; of a longer text the last whole line is the end.
constexpr size_t kMaxCgroupBytes = 4096;
// About 1 KiB each. When it is full it begins anew.
constexpr size_t kMaxCgroups = 4096;

class RelativePath {
 public:
  RelativePath(pid_t tgid, std::string_view file) {
    char* end = std::to_chars(text_.data(), text_.data() + 12, tgid).ptr;
    *end++ = '/';
    end = std::copy(file.begin(), file.end(), end);
    *end = '\0';
  }
  const char* c_str() const { return text_.data(); }

 private:
  std::array<char, 32> text_;
};

// The beginning of a file, or nothing.
std::optional<std::string_view> ReadBeginning(int directory, pid_t tgid, std::string_view name,
                                              std::span<char> buffer) {
  const UniqueFd file = OpenToRead(directory, RelativePath(tgid, name).c_str());
  return file ? ReadOnce(file, buffer) : std::nullopt;
}

// Field 9 of /proc/PID/stat, after the comm: PF_EXITING of include/linux/sched.h.
bool IsExiting(int directory, pid_t tgid) {
  constexpr uint64_t kExitingFlag = 0x4;
  std::array<char, 512> buffer;
  std::optional<std::string_view> stat = ReadBeginning(directory, tgid, "stat", buffer);
  if (!stat) return true;
  stat->remove_prefix(std::min(stat->rfind(')'), stat->size()));
  // ") S 1 2 3 4 5 FLAGS": the seventh blank stands before it.
  for (int blanks = 0; blanks < 7; ++blanks) {
    stat->remove_prefix(std::min(stat->find(' '), stat->size() - 1) + 1);
  }
  uint64_t flags = 0;
  std::from_chars(stat->data(), stat->data() + stat->size(), flags);
  return (flags & kExitingFlag) != 0;
}

std::optional<std::string_view> ReadCgroupText(int directory, pid_t tgid, std::span<char> buffer) {
  std::optional<std::string_view> text = ReadBeginning(directory, tgid, "cgroup", buffer);
  // A path that is cut is another one's.
  if (text && text->size() == buffer.size()) text = text->substr(0, text->rfind('\n') + 1);
  return text;
}

}  // namespace

absl::StatusOr<ProcessReader> ProcessReader::Open(const std::string& procfs_root,
                                                  ProcessReaderOptions options) {
  UniqueFd directory(open(procfs_root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", procfs_root));
  return ProcessReader(std::move(directory), std::move(options));
}

std::optional<std::string> ProcessReader::Files::Read(RuleInput input) {
  switch (input) {
    case RuleInput::kComm:
      return ReadComm();
    case RuleInput::kExe:
      return ReadExe();
    case RuleInput::kCmdline:
      return ReadCmdline();
    case RuleInput::kCgroup:
      return ReadCgroup();
  }
  return std::nullopt;
}

std::optional<std::string> ProcessReader::Files::ReadComm() const {
  std::array<char, 64> buffer;
  std::optional<std::string_view> comm = ReadBeginning(directory_, tgid_, "comm", buffer);
  if (!comm) return std::nullopt;
  if (!comm->empty() && comm->back() == '\n') comm->remove_suffix(1);
  return std::string(*comm);
}

std::optional<std::string> ProcessReader::Files::ReadExe() const {
  std::array<char, PATH_MAX> target;
  const ssize_t length =
      readlinkat(directory_, RelativePath(tgid_, "exe").c_str(), target.data(), target.size());
  if (length < 0) return std::nullopt;
  return std::string(target.data(), static_cast<size_t>(length));
}

std::optional<std::string> ProcessReader::Files::ReadCmdline() const {
  return ReadCommandLine(directory_, tgid_, *budget_);
}

std::optional<std::string> ProcessReader::Files::ReadCgroup() const {
  std::array<char, kMaxCgroupBytes> buffer;
  const std::optional<std::string_view> text = ReadCgroupText(directory_, tgid_, buffer);
  if (!text || (IsV1Root(*text) && IsExiting(directory_, tgid_))) return std::nullopt;
  return std::string(*text);
}

std::shared_ptr<const CgroupFacts> ProcessReader::CgroupOf(Files& files) {
  if (!options_.cgroup) return nullptr;
  const std::optional<std::string>& text = files.Get(RuleInput::kCgroup);
  return text && !text->empty() ? Understand(*text) : nullptr;
}

ProcessReader::Files ProcessReader::FilesOf(const ProcessSnapshot& snapshot) {
  Files files = FilesOf(snapshot.tgid);
  files.Set(RuleInput::kComm, snapshot.comm);
  // On v1 a process that ends seems to be in the root, wherever it is.
  if (snapshot.leader_exited && IsV1Root(snapshot.cgroup)) {
    files.Set(RuleInput::kCgroup, std::nullopt);
  } else if (!snapshot.cgroup.empty()) {
    files.Set(RuleInput::kCgroup, snapshot.cgroup);
  }
  return files;
}

std::shared_ptr<const CgroupFacts> ProcessReader::Understand(std::string_view cgroup_text) {
  const auto found = cgroups_.find(absl::string_view(cgroup_text.data(), cgroup_text.size()));
  if (found != cgroups_.end()) return found->second;
  auto facts = std::make_shared<CgroupFacts>();
  facts->identity = IdentifyCgroup(cgroup_text, options_.kubelet_runtime);
  if (const std::optional<PidsCgroup> pids = FindPidsCgroup(cgroup_text)) {
    facts->pids_unified = pids->unified;
    facts->pids_path = pids->path;
  }
  if (cgroups_.size() >= kMaxCgroups) cgroups_.clear();
  cgroups_.emplace(cgroup_text, facts);
  return facts;
}

}  // namespace cnproc
