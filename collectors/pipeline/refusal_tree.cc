// SPDX-License-Identifier: Apache-2.0
#include "collectors/pipeline/refusal_tree.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace cnproc {

RefusalTree::RefusalTree(CgroupFs cgroups, size_t max_groups)
    : cgroups_(std::move(cgroups)), max_groups_(max_groups) {
  NotePast(max_groups);
}

void RefusalTree::NotePast(size_t max_groups) {
  std::vector<std::string> pending = {""};
  while (!pending.empty()) {
    const std::string parent = std::move(pending.back());
    pending.pop_back();
    for (const std::string& name : cgroups_.ListGroups(parent)) {
      std::string path = absl::StrCat(parent, "/", name);
      const absl::StatusOr<ForkRefusals> subtree = cgroups_.ReadForkRefusals(true, path);
      if (!subtree.ok() || subtree->count == 0) continue;
      if (reported_.size() >= max_groups) {
        knows_past_ = false;
        return;
      }
      const absl::StatusOr<ForkRefusals> own = cgroups_.ReadOwnLimitRefusals(path);
      reported_[path] = {
          .inode = subtree->inode, .subtree = subtree->count, .own = own.ok() ? own->count : 0};
      pending.push_back(std::move(path));
    }
  }
}

void RefusalTree::Walk(size_t max_files, Report report) {
  files_read_ = 0;
  if (visits_.empty()) {
    Visit root;
    root.children = cgroups_.ListGroups("");
    visits_.push_back(std::move(root));
  }
  while (files_read_ < max_files && !visits_.empty()) {
    Visit& visit = visits_.back();
    if (visit.next_child == visit.children.size()) {
      Leave(report);
      continue;
    }
    Enter(absl::StrCat(visit.path, "/", visit.children[visit.next_child++]), report);
  }
}

// Only a group that grew is visited.
void RefusalTree::Enter(const std::string& path, Report report) {
  const absl::StatusOr<ForkRefusals> subtree = cgroups_.ReadForkRefusals(true, path);
  ++files_read_;
  if (absl::IsResourceExhausted(subtree.status())) {
    // For want of descriptors: what cannot be read just now is not gone.
    visits_.back().complete = false;
    return;
  }
  const auto found = reported_.find(path);
  // Another inode is another group of that name, which began at 0.
  if (found != reported_.end() && (!subtree.ok() || found->second.inode != subtree->inode)) {
    Forget(path);
  }
  if (!subtree.ok() || subtree->count == 0) return;
  // There is no room for this group: the one above reports for it.
  if (reported_.size() >= max_groups_ && !reported_.contains(path)) return;
  const auto [entry, is_new] = reported_.emplace(path, Reported{.inode = subtree->inode});
  Reported& reported = entry->second;
  if (subtree->count <= reported.subtree) return;
  const absl::StatusOr<ForkRefusals> own = cgroups_.ReadOwnLimitRefusals(path);
  ++files_read_;
  const uint64_t own_count = own.ok() ? own->count : reported.own;
  if (is_new && !knows_past_) {
    reported = {.inode = subtree->inode, .subtree = subtree->count, .own = own_count};
    return;
  }
  visits_.push_back({.path = path,
                     .subtree = subtree->count,
                     .children = cgroups_.ListGroups(path),
                     .complete = !absl::IsResourceExhausted(own.status())});
  if (own_count <= reported.own) return;
  const uint64_t count = own_count - std::exchange(reported.own, own_count);
  ReportLast(count, report);
}

// A group that is gone refused whatever no group below accounts for.
void RefusalTree::Leave(Report report) {
  const Visit& visit = visits_.back();
  ForgetVanished(visit);
  if (!visit.path.empty() && visit.complete) {
    const uint64_t reported = reported_[visit.path].subtree;
    if (visit.subtree > reported) ReportLast(visit.subtree - reported, report);
  }
  const bool complete = visit.complete;
  visits_.pop_back();
  if (!complete && !visits_.empty()) visits_.back().complete = false;
}

// Of the group that is being visited: all above it count it too.
void RefusalTree::ReportLast(uint64_t count, Report report) {
  for (const Visit& visit : visits_) {
    if (!visit.path.empty()) reported_[visit.path].subtree += count;
  }
  report(visits_.back().path, count);
}

void RefusalTree::Forget(const std::string& path) {
  reported_.erase(path);
  const std::string prefix = path + "/";
  auto begin = reported_.lower_bound(prefix);
  auto end = begin;
  while (end != reported_.end() && end->first.starts_with(prefix)) ++end;
  reported_.erase(begin, end);
}

void RefusalTree::ForgetVanished(const Visit& visit) {
  const std::string prefix = visit.path + "/";
  std::vector<std::string> vanished;
  for (auto it = reported_.lower_bound(prefix);
       it != reported_.end() && it->first.starts_with(prefix); ++it) {
    const std::string& path = it->first;
    const std::string name =
        path.substr(prefix.size(), path.find('/', prefix.size()) - prefix.size());
    if (!std::binary_search(visit.children.begin(), visit.children.end(), name)) {
      vanished.push_back(prefix + name);
    }
  }
  for (const std::string& path : vanished) Forget(path);
}

}  // namespace cnproc
