// SPDX-License-Identifier: Apache-2.0
// Finds the cgroups whose limit refused forks, where every group counts the refusals of all groups
// below it too (RefusalScope::kSubtree). While the counts at the top do not grow, no other is read.
#ifndef CNPROC_COLLECTORS_PIPELINE_REFUSAL_TREE_H_
#define CNPROC_COLLECTORS_PIPELINE_REFUSAL_TREE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "collectors/kernel/cgroupfs.h"

namespace cnproc {

// Reports each refused fork once, for the group whose limit refused it or, if that group is gone by
// the time it is read, for the nearest group above that is still there. Makes system calls; not
// thread safe; bounded in what it remembers.
class RefusalTree {
 public:
  // `path` as in /proc/PID/cgroup.
  using Report = absl::FunctionRef<void(const std::string& path, uint64_t count)>;

  // Notes what all groups have refused by now, so that only later refusals are reported. Where more
  // than `max_groups` have refused any, the past of the others is noted when they are first seen.
  RefusalTree(CgroupFs cgroups, size_t max_groups);

  // Goes on with the walk through the groups whose counts grew, or begins the next walk; reads
  // about `max_files` files.
  void Walk(size_t max_files, Report report);

 private:
  // What was reported for a group, in the terms of its files.
  struct Reported {
    uint64_t inode = 0;
    uint64_t subtree = 0;
    uint64_t own = 0;
  };
  // A group on the way from the root to where the walk is.
  struct Visit {
    std::string path;      // empty: the root
    uint64_t subtree = 0;  // as read on the way down
    std::vector<std::string> children;
    size_t next_child = 0;
    bool complete = true;  // whether all below could be read
  };

  void NotePast(size_t max_groups);
  void Enter(const std::string& path, Report report);
  void Leave(Report report);
  void ReportLast(uint64_t count, Report report);
  void Forget(const std::string& path);
  void ForgetVanished(const Visit& visit);

  const CgroupFs cgroups_;
  const size_t max_groups_;
  bool knows_past_ = true;                                 // of every group
  std::map<std::string, Reported, std::less<>> reported_;  // of groups that ever refused a fork
  std::vector<Visit> visits_;                              // from the root down
  size_t files_read_ = 0;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PIPELINE_REFUSAL_TREE_H_
