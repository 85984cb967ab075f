// SPDX-License-Identifier: Apache-2.0
// Finds the cgroups whose limit refused forks, where every group counts those of all below it
// (RefusalScope::kSubtree): as long as the groups at the top do not grow, nobody else is asked.
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

// Tells each refused fork once: of the group whose limit it was, or, if that is gone by the time of
// reading, of the next group above that still is there. Makes system calls; not thread safe;
// bounded in what it remembers.
class RefusalTree {
 public:
  // `path` as in /proc/PID/cgroup.
  using Emit = absl::FunctionRef<void(const std::string& path, uint64_t count)>;

  // Notes what all groups have refused by now; of more than `max_groups` that have, the others'
  // past is noted when they are first seen.
  RefusalTree(CgroupFs cgroups, size_t max_groups);

  // Goes on with a walk through what grew, or begins another; reads about `max_files`.
  void Walk(size_t max_files, Emit emit);

 private:
  // What was told of a group, as its files count.
  struct Told {
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
  void Enter(const std::string& path, Emit emit);
  void Leave(Emit emit);
  void EmitOfLast(uint64_t count, Emit emit);
  void Forget(const std::string& path);
  void ForgetVanished(const Visit& visit);

  const CgroupFs cgroups_;
  const size_t max_groups_;
  bool knows_past_ = true;                         // of every group
  std::map<std::string, Told, std::less<>> told_;  // of groups that ever refused a fork
  std::vector<Visit> visits_;                      // from the root down
  size_t files_read_ = 0;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PIPELINE_REFUSAL_TREE_H_
