// SPDX-License-Identifier: Apache-2.0
// Samples how many forks the pids controller refused, and says whose: a refused fork makes no
// event.
#ifndef CNPROC_COLLECTORS_PIPELINE_REFUSAL_SAMPLER_H_
#define CNPROC_COLLECTORS_PIPELINE_REFUSAL_SAMPLER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "collectors/kernel/cgroupfs.h"
#include "collectors/pipeline/refusal_tree.h"
#include "collectors/process/process_facts.h"

namespace cnproc {

// Forks refused since the last sample.
struct Refusals {
  // Its unit and container are those to count on, where it has them: of the group that the
  // processes were in, or, where the kernel tells it, of the one whose limit it was (see
  // IdentifyLimit).
  CgroupIdentity who;
  uint64_t count = 0;
};

// Makes system calls; used by one thread, and bounded in what it remembers and reads at once.
class RefusalSampler {
 public:
  // Notes what all groups have refused by now: a group that is made later begins at 0.
  // `kubelet_runtime` is as IdentifyCgroup has it, `cgroup_of_init` the content of /proc/1/cgroup.
  RefusalSampler(CgroupFs cgroups, std::string kubelet_runtime, std::string_view cgroup_of_init);

  // A process of this group was seen. Cheap for one that is known. Needed only where groups count
  // their own processes' refusals and no others.
  void Track(const std::shared_ptr<const CgroupFacts>& cgroup) {
    if (!tree_ && cgroup != nullptr && !known_.contains(cgroup)) Add(cgroup);
  }

  // Reads up to `max_files` more, in turn, and appends what is new.
  void Sample(size_t max_files, std::vector<Refusals>& refusals);

  size_t files() const { return files_.size(); }
  // OK, or why refused forks are not counted, and what to do.
  const absl::Status& status() const { return status_; }

 private:
  // One pids.events. Whose processes it is about, and what was counted of it.
  struct File {
    bool unified = false;
    std::string path;
    std::shared_ptr<const CgroupFacts> cgroup;
    ForkRefusals counted;
  };

  void ChooseScope();
  void Add(const std::shared_ptr<const CgroupFacts>& cgroup);
  void RemoveFile(size_t index);
  void SampleFiles(size_t max_files, std::vector<Refusals>& refusals);

  const CgroupFs cgroups_;
  const std::string kubelet_runtime_;
  const absl::Status status_;
  bool scope_known_ = false;
  std::optional<RefusalTree> tree_;  // where groups count for all below
  std::array<std::map<std::string, ForkRefusals, std::less<>>, 2> at_start_;  // by unified
  absl::flat_hash_set<std::shared_ptr<const CgroupFacts>> known_;
  std::vector<File> files_;
  std::array<absl::flat_hash_set<std::string>, 2> paths_;  // of files_, by unified
  size_t next_ = 0;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PIPELINE_REFUSAL_SAMPLER_H_
