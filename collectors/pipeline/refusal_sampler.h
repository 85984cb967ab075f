// SPDX-License-Identifier: Apache-2.0
// Samples how many forks the pids controller refused in the cgroups of known units and containers:
// a refused fork makes no event.
#ifndef CNPROC_COLLECTORS_PIPELINE_REFUSAL_SAMPLER_H_
#define CNPROC_COLLECTORS_PIPELINE_REFUSAL_SAMPLER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "collectors/kernel/cgroupfs.h"
#include "collectors/process/process_facts.h"

namespace cnproc {

// Forks refused since the last sample.
struct Refusals {
  std::shared_ptr<const CgroupFacts> cgroup;
  bool of_unit = false;
  bool of_container = false;
  uint64_t count = 0;
};

// Makes system calls; used by one thread, and bounded in what it remembers and reads at once.
class RefusalSampler {
 public:
  // Notes what all groups have refused by now: a group that is made later begins at 0.
  explicit RefusalSampler(CgroupFs cgroups);

  // A process of this group was seen. Cheap for one that is known.
  void Track(const std::shared_ptr<const CgroupFacts>& cgroup) {
    if (cgroup != nullptr && !known_.contains(cgroup)) Add(cgroup);
  }

  // Reads up to `max_files` more of the groups, in turn, and appends what is new.
  void Sample(size_t max_files, std::vector<Refusals>& refusals);

  size_t files() const { return files_.size(); }
  // Whether any group has a count.
  bool works() const { return cgroups_.HasRefusals(); }

 private:
  // One pids.events. Whose processes it is about, and what was counted of it.
  struct File {
    bool unified = false;
    std::string path;
    std::shared_ptr<const CgroupFacts> cgroup;
    bool of_unit = false;
    bool of_container = false;
    ForkRefusals counted;
  };

  void Add(const std::shared_ptr<const CgroupFacts>& cgroup);
  void AddFile(const std::shared_ptr<const CgroupFacts>& cgroup, const std::string& path,
               bool of_unit, bool of_container);
  void RemoveFile(size_t index);

  const CgroupFs cgroups_;
  std::array<std::map<std::string, ForkRefusals, std::less<>>, 2> at_start_;  // by unified
  absl::flat_hash_set<std::shared_ptr<const CgroupFacts>> known_;
  std::vector<File> files_;
  std::array<absl::flat_hash_set<std::string>, 2> paths_;  // of files_, by unified
  size_t next_ = 0;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PIPELINE_REFUSAL_SAMPLER_H_
