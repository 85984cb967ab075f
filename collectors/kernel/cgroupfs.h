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

#include "absl/status/statusor.h"

namespace cnproc {

// How often the pids controller has refused a fork.
struct ForkRefusals {
  uint64_t count = 0;  // since the group was made
  uint64_t inode = 0;  // of the group: another one, if it was made anew under the same name
};

// Which forks the count of a group tells of.
enum class RefusalScope {
  kOwn,  // those of processes in that very group, by whose limit ever (v1; v2 before Linux 6.11)
  kSubtree,  // those refused by the limit of the group or of one below (v2 from Linux 6.11 on)
};

// Thread safe: holds nothing but paths.
class CgroupFs {
 public:
  // `root` is where cgroups are mounted: the v2 hierarchy itself, or a directory with one for each
  // controller of v1 and perhaps "unified".
  explicit CgroupFs(const std::string& root);

  // `path` as /proc/PID/cgroup has it, of v2's hierarchy or of v1's pids controller. kNotFound once
  // the group is gone, and for the root, which has no limit. Paths that lead elsewhere ("..") are
  // refused.
  absl::StatusOr<ForkRefusals> ReadForkRefusals(bool unified, std::string_view path) const;

  // What that count means. kOwn for a group that is gone.
  RefusalScope ScopeOfRefusals(bool unified, std::string_view path) const;

  // Whether any hierarchy is there that counts refused forks: v1's pids controller, or v2 with the
  // controller on.
  bool HasRefusals() const;

  // All groups that have refused forks, by path; at most `max_groups` groups are looked at. Takes
  // some microseconds for each group there is: for the start.
  std::map<std::string, ForkRefusals, std::less<>> ScanForkRefusals(bool unified,
                                                                    size_t max_groups) const;

 private:
  const std::string& Root(bool unified) const { return unified ? unified_root_ : pids_root_; }

  std::string unified_root_;
  std::string pids_root_;
};

// The "max" line of pids.events; absent if there is none.
std::optional<uint64_t> ParsePidsEvents(std::string_view text);

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_CGROUPFS_H_
