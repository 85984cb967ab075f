// SPDX-License-Identifier: Apache-2.0
#include "collectors/pipeline/refusal_sampler.h"

#include <utility>

namespace cnproc {
namespace {

constexpr size_t kMaxFiles = 4096;
constexpr size_t kMaxGroupsAtStart = 20'000;

}  // namespace

RefusalSampler::RefusalSampler(CgroupFs cgroups) : cgroups_(std::move(cgroups)) {
  for (const bool unified : {false, true}) {
    at_start_[unified] = cgroups_.ScanForkRefusals(unified, kMaxGroupsAtStart);
  }
}

void RefusalSampler::Add(const std::shared_ptr<const CgroupFacts>& cgroup) {
  // Many groups have no file of their own; they must not keep others out.
  if (known_.size() >= kMaxFiles) known_.clear();
  known_.insert(cgroup);
  const CgroupIdentity& identity = cgroup->identity;
  const bool has_unit = !identity.unit.empty();
  const bool has_container = !identity.container_id.empty();
  // The root has no limit.
  if (cgroup->pids_path.size() < 2 || (!has_unit && !has_container)) return;
  if (cgroups_.ScopeOfRefusals(cgroup->pids_unified, cgroup->pids_path) == RefusalScope::kOwn) {
    AddFile(cgroup, cgroup->pids_path, has_unit, has_container);
    return;
  }
  // As of systemd-nspawn@.service.
  if (has_unit && has_container && cgroup->pids_unit_path == cgroup->pids_container_path) {
    AddFile(cgroup, cgroup->pids_unit_path, true, true);
    return;
  }
  if (has_unit) AddFile(cgroup, cgroup->pids_unit_path, true, false);
  if (has_container) AddFile(cgroup, cgroup->pids_container_path, false, true);
}

void RefusalSampler::AddFile(const std::shared_ptr<const CgroupFacts>& cgroup,
                             const std::string& path, bool of_unit, bool of_container) {
  const bool unified = cgroup->pids_unified;
  if (path.empty() || files_.size() >= kMaxFiles || !paths_[unified].insert(path).second) return;
  File file{.unified = unified,
            .path = path,
            .cgroup = cgroup,
            .of_unit = of_unit,
            .of_container = of_container,
            .counted = {}};
  const auto old = at_start_[unified].find(path);
  if (old != at_start_[unified].end()) file.counted = old->second;
  files_.push_back(std::move(file));
}

void RefusalSampler::RemoveFile(size_t index) {
  File& file = files_[index];
  paths_[file.unified].erase(file.path);
  at_start_[file.unified].erase(file.path);
  if (index + 1 < files_.size()) file = std::move(files_.back());
  files_.pop_back();
  // Should the group be made anew, its processes are to be tracked again.
  known_.clear();
}

void RefusalSampler::Sample(size_t max_files, std::vector<Refusals>& refusals) {
  for (size_t i = std::min(max_files, files_.size()); i > 0 && !files_.empty(); --i) {
    if (next_ >= files_.size()) next_ = 0;
    File& file = files_[next_];
    const absl::StatusOr<ForkRefusals> now = cgroups_.ReadForkRefusals(file.unified, file.path);
    // Of a group that cannot be read just now, for want of descriptors, nothing is forgotten.
    if (absl::IsResourceExhausted(now.status())) {
      ++next_;
      continue;
    }
    if (!now.ok()) {
      RemoveFile(next_);
      continue;
    }
    // Another inode is another group of that name, which began at 0.
    const uint64_t before = now->inode == file.counted.inode ? file.counted.count : 0;
    if (now->count > before) {
      refusals.push_back({.cgroup = file.cgroup,
                          .of_unit = file.of_unit,
                          .of_container = file.of_container,
                          .count = now->count - before});
    }
    file.counted = *now;
    ++next_;
  }
}

}  // namespace cnproc
