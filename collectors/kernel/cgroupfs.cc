// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/cgroupfs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "collectors/base/unique_fd.h"
#include "collectors/kernel/read_file.h"
#include "collectors/process/cgroup_path.h"

namespace cnproc {
namespace {

namespace fs = std::filesystem;

bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

// What a process in another cgroup namespace sees of the groups above is "..".
bool LeadsElsewhere(std::string_view path) {
  for (size_t at = path.find(".."); at != std::string_view::npos; at = path.find("..", at + 1)) {
    const bool begins = at == 0 || path[at - 1] == '/';
    const bool ends = at + 2 == path.size() || path[at + 2] == '/';
    if (begins && ends) return true;
  }
  return !path.starts_with("/");
}

absl::StatusOr<ForkRefusals> ReadRefusals(const std::string& path) {
  const UniqueFd file = OpenToRead(AT_FDCWD, path.c_str());
  if (!file) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  std::array<char, 256> buffer;
  struct stat status {};
  const std::optional<std::string_view> text = ReadOnce(file, buffer);
  if (!text || fstat(file.get(), &status) != 0) {
    // ENODEV: the group went away after the file was opened.
    if (errno == ENODEV) return absl::NotFoundError(absl::StrCat(path, " is gone"));
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", path));
  }
  const std::optional<uint64_t> count = ParsePidsEvents(*text);
  if (!count) return absl::DataLossError(absl::StrCat(path, " has no line `max`"));
  return ForkRefusals{.count = *count, .inode = status.st_ino};
}

}  // namespace

std::optional<uint64_t> ParsePidsEvents(std::string_view text) {
  constexpr std::string_view kKey = "max ";
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!line.starts_with(kKey)) continue;
    uint64_t count = 0;
    const char* end = line.data() + line.size();
    const auto parsed = std::from_chars(line.data() + kKey.size(), end, count);
    if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
    return count;
  }
  return std::nullopt;
}

CgroupFs::CgroupFs(const std::string& root, const std::string& procfs_root)
    : unified_root_(Exists(absl::StrCat(root, "/unified/cgroup.controllers"))
                        ? absl::StrCat(root, "/unified")
                        : root),
      pids_root_(absl::StrCat(root, "/pids")),
      mounts_file_(absl::StrCat(procfs_root, "/self/mountinfo")) {}

absl::StatusOr<ForkRefusals> CgroupFs::ReadForkRefusals(bool unified, std::string_view path) const {
  if (LeadsElsewhere(path)) {
    return absl::InvalidArgumentError("a cgroup out of the exporter's own namespace");
  }
  return ReadRefusals(absl::StrCat(Root(unified), std::string(path), "/pids.events"));
}

absl::StatusOr<ForkRefusals> CgroupFs::ReadOwnLimitRefusals(std::string_view path) const {
  if (LeadsElsewhere(path)) {
    return absl::InvalidArgumentError("a cgroup out of the exporter's own namespace");
  }
  return ReadRefusals(absl::StrCat(unified_root_, std::string(path), "/pids.events.local"));
}

std::vector<std::string> CgroupFs::ListGroups(std::string_view path) const {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(absl::StrCat(unified_root_, std::string(path)), error);
       !error && it != fs::directory_iterator(); it.increment(error)) {
    std::error_code gone;
    if (it->is_directory(gone) && !it->is_symlink(gone)) names.push_back(it->path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// pids.events.local came together with the new meaning of pids.events.
std::optional<RefusalScope> CgroupFs::Scope() const {
  if (Exists(pids_root_)) return RefusalScope::kOwn;
  for (const std::string& name : ListGroups("")) {
    const std::string events = absl::StrCat(unified_root_, "/", name, "/pids.events");
    if (!Exists(events)) continue;
    return Exists(events + ".local") && !CountsLocally() ? RefusalScope::kSubtree
                                                         : RefusalScope::kOwn;
  }
  return std::nullopt;
}

bool CgroupFs::HasUnifiedPids() const {
  // "cpuset cpu io memory pids"
  const absl::StatusOr<std::string> names =
      ReadWholeFile(absl::StrCat(unified_root_, "/cgroup.controllers"));
  if (!names.ok()) return false;
  const std::vector<absl::string_view> controllers = absl::StrSplit(*names, absl::ByAnyChar(" \n"));
  return std::find(controllers.begin(), controllers.end(), "pids") != controllers.end();
}

// An option of the mount brings the old meaning back (Documentation/admin-guide/cgroup-v2.rst). It
// is the same for all mounts of v2.
bool CgroupFs::CountsLocally() const {
  const absl::StatusOr<std::string> mounts = ReadWholeFile(mounts_file_);
  if (!mounts.ok()) return false;
  for (const absl::string_view line : absl::StrSplit(*mounts, '\n')) {
    const size_t type = line.find(" - cgroup2 ");
    if (type != absl::string_view::npos &&
        line.find("pids_localevents", type) != absl::string_view::npos) {
      return true;
    }
  }
  return false;
}

absl::Status CgroupFs::CanCount(std::string_view cgroup_of_init) const {
  const bool v1 = Exists(pids_root_);
  if (!v1 && !HasUnifiedPids()) {
    return absl::NotFoundError(absl::StrCat("no pids controller below ", unified_root_,
                                            ": name the place by --path.cgroupfs"));
  }
  // Counts of a whole subtree are read from the top, whatever /proc calls the groups; but only the
  // top of all groups has no limit.
  if (!v1 && Scope() != RefusalScope::kOwn) {
    if (!Exists(absl::StrCat(unified_root_, "/cgroup.events"))) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat(unified_root_,
                     " shows the exporter's own container alone: name the host's by "
                     "--path.cgroupfs, or run in the host's cgroup namespace (podman, docker: "
                     "--cgroupns=host)"));
  }
  const std::optional<PidsCgroup> init = FindPidsCgroup(cgroup_of_init);
  if (!init || !LeadsElsewhere(init->path)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "another cgroup namespace, in which this kernel does not tell whose they are (Linux 6.11 "
      "with "
      "cgroup v2 does): run in the host's (podman, docker: --cgroupns=host)");
}

std::map<std::string, ForkRefusals, std::less<>> CgroupFs::ScanForkRefusals(
    bool unified, size_t max_groups) const {
  std::map<std::string, ForkRefusals, std::less<>> result;
  // Each directory by itself: a group that vanishes meanwhile ends its own listing and no other.
  std::vector<std::string> pending = {Root(unified)};
  for (size_t groups = 0; !pending.empty() && groups < max_groups; ++groups) {
    const std::string group = std::move(pending.back());
    pending.pop_back();
    std::error_code error;
    for (fs::directory_iterator it(group, error); !error && it != fs::directory_iterator();
         it.increment(error)) {
      std::error_code gone;
      if (it->is_directory(gone) && !it->is_symlink(gone)) pending.push_back(it->path().string());
    }
    const absl::StatusOr<ForkRefusals> refusals = ReadRefusals(group + "/pids.events");
    if (!refusals.ok() || refusals->count == 0) continue;
    result.emplace(group.substr(Root(unified).size()), *refusals);
  }
  return result;
}

}  // namespace cnproc
