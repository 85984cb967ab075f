// SPDX-License-Identifier: Apache-2.0
#include "collectors/pipeline/refusal_sampler.h"

#include <utility>

namespace cnproc {
namespace {

constexpr size_t kMaxFiles = 4096;
constexpr size_t kMaxGroups = 20'000;

}  // namespace

RefusalSampler::RefusalSampler(CgroupFs cgroups, std::string kubelet_runtime,
                               std::string_view cgroup_of_init)
    : cgroups_(std::move(cgroups)),
      kubelet_runtime_(std::move(kubelet_runtime)),
      status_(cgroups_.CanCount(cgroup_of_init)) {
  if (!status_.ok()) return;
  ChooseScope();
  if (tree_) return;
  for (const bool unified : {false, true}) {
    at_start_[unified] = cgroups_.ScanForkRefusals(unified, kMaxGroups);
  }
}

// Nobody can have been refused a fork as long as there is no group that could tell.
void RefusalSampler::ChooseScope() {
  const std::optional<RefusalScope> scope = cgroups_.Scope();
  scope_known_ = scope.has_value();
  if (scope == RefusalScope::kSubtree) tree_.emplace(cgroups_, kMaxGroups);
}

void RefusalSampler::Add(const std::shared_ptr<const CgroupFacts>& cgroup) {
  // Many groups have no file of their own; they must not keep others out.
  if (known_.size() >= kMaxFiles) known_.clear();
  known_.insert(cgroup);
  const bool unified = cgroup->pids_unified;
  const std::string& path = cgroup->pids_path;
  // The root has no limit.
  if (!status_.ok() || path.size() < 2 || files_.size() >= kMaxFiles) return;
  if (!paths_[unified].insert(path).second) return;
  File file{.unified = unified, .path = path, .cgroup = cgroup, .counted = {}};
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
  if (!status_.ok()) return;
  if (!scope_known_) ChooseScope();
  if (!tree_) {
    SampleFiles(max_files, refusals);
    return;
  }
  tree_->Walk(max_files, [&](const std::string& path, uint64_t count) {
    refusals.push_back({.who = IdentifyLimit(path, kubelet_runtime_), .count = count});
  });
}

void RefusalSampler::SampleFiles(size_t max_files, std::vector<Refusals>& refusals) {
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
      const CgroupIdentity& identity = file.cgroup->identity;
      const bool nobody = identity.unit.empty() && identity.container_id.empty();
      refusals.push_back({.who = nobody ? IdentifyLimit(file.path, kubelet_runtime_) : identity,
                          .count = now->count - before});
    }
    file.counted = *now;
    ++next_;
  }
}

}  // namespace cnproc
