// SPDX-License-Identifier: Apache-2.0
// What is read from the file system of cgroups.
#ifndef CNPROC_COLLECTORS_KERNEL_CGROUPFS_H_
#define CNPROC_COLLECTORS_KERNEL_CGROUPFS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cnproc {

// How often the pids controller has refused a fork.
struct ForkRefusals {
  uint64_t count = 0;  // since the group was made
  uint64_t inode = 0;  // of the group: another one, if it was made anew under the same name
};

// Which forks the count of a group tells of.
enum class RefusalScope {
  // Those of processes in that very group, by whose limit ever: v1, v2 before Linux 6.11 or mounted
  // with pids_localevents.
  kOwn,
  // Those refused by the limit of the group or of one below, of which the group's own are told
  // apart (pids.events.local): v2 from Linux 6.11 on.
  kSubtree,
};

// Thread safe: holds nothing but paths.
class CgroupFs {
 public:
  // `root` is where cgroups are mounted: the v2 hierarchy itself, or a directory with one for each
  // controller of v1 and perhaps "unified".
  explicit CgroupFs(const std::string& root, const std::string& procfs_root = "/proc");

  // `path` as /proc/PID/cgroup has it, of v2's hierarchy or of v1's pids controller. kNotFound once
  // the group is gone, and for the root, which has no limit. Paths that lead elsewhere ("..") are
  // refused.
  absl::StatusOr<ForkRefusals> ReadForkRefusals(bool unified, std::string_view path) const;
  // How many of them the limit of this very group refused; of v2, with RefusalScope::kSubtree.
  absl::StatusOr<ForkRefusals> ReadOwnLimitRefusals(std::string_view path) const;
  // The names of the groups right below, of v2, sorted; "" is the root. None of a group that is
  // gone.
  std::vector<std::string> ListGroups(std::string_view path) const;

  // What counts mean on this machine. Absent as long as there is no group that has one.
  std::optional<RefusalScope> Scope() const;

  // OK, or why refused forks cannot be counted here, and what to do. `cgroup_of_init` is the
  // content of /proc/1/cgroup: it shows whether the exporter sees groups as the host does.
  absl::Status CanCount(std::string_view cgroup_of_init) const;

  // All groups that have refused forks, by path; at most `max_groups` groups are looked at. Takes
  // some microseconds for each group there is: for the start.
  std::map<std::string, ForkRefusals, std::less<>> ScanForkRefusals(bool unified,
                                                                    size_t max_groups) const;

 private:
  const std::string& Root(bool unified) const { return unified ? unified_root_ : pids_root_; }
  bool HasUnifiedPids() const;
  bool CountsLocally() const;

  std::string unified_root_;
  std::string pids_root_;
  std::string mounts_file_;
};

// The "max" line of pids.events; absent if there is none.
std::optional<uint64_t> ParsePidsEvents(std::string_view text);

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_CGROUPFS_H_
