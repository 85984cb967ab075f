// SPDX-License-Identifier: Apache-2.0
#include "collectors/pipeline/early_cgroups.h"

#include <algorithm>
#include <utility>

namespace cnproc {

EarlyCgroups::EarlyCgroups() : children_(kMaxChildren) {}

void EarlyCgroups::OnFork(pid_t tgid, int64_t timestamp_ns, bool of_runtime) {
  ChildOf(tgid) = {.tgid = tgid, .forked_ns = timestamp_ns, .cgroup = nullptr};
  std::deque<Look>& looks = looks_[of_runtime ? 0 : 1];
  if (looks.size() >= kMaxChildren) looks.pop_front();
  looks.push_back({.tgid = tgid, .forked_ns = timestamp_ns});
}

void EarlyCgroups::Forget(pid_t tgid) {
  Child& child = ChildOf(tgid);
  if (child.tgid == tgid) child = {};
}

std::shared_ptr<const CgroupFacts> EarlyCgroups::TakeAtExec(pid_t tgid) {
  Child& child = ChildOf(tgid);
  if (child.tgid != tgid) return nullptr;
  return std::exchange(child, {}).cgroup;
}

void EarlyCgroups::LookAtDue(int64_t now_ns, ReadCgroup read) {
  budget_ns_ = std::min(budget_ns_ + (now_ns - refilled_ns_), kNsPerSecond);
  refilled_ns_ = now_ns;
  for (size_t i = 0; i < looks_.size(); ++i) {
    while (!looks_[i].empty() && looks_[i].front().forked_ns + kDelaysNs[i] <= now_ns) {
      const Look look = looks_[i].front();
      if (IsThere(look)) {
        if (budget_ns_ < kReadingPriceNs) return;
        budget_ns_ -= kReadingPriceNs;
        // One that has just ended keeps what was read before.
        if (auto cgroup = read(look.tgid)) ChildOf(look.tgid).cgroup = std::move(cgroup);
        if (i + 1 < looks_.size()) looks_[i + 1].push_back(look);
      }
      looks_[i].pop_front();
    }
  }
}

std::optional<int64_t> EarlyCgroups::NextDueNs() {
  std::optional<int64_t> next_ns;
  for (size_t i = 0; i < looks_.size(); ++i) {
    // Most children have ended by now.
    while (!looks_[i].empty() && !IsThere(looks_[i].front())) looks_[i].pop_front();
    if (looks_[i].empty()) continue;
    const int64_t due_ns = looks_[i].front().forked_ns + kDelaysNs[i];
    next_ns = std::min(next_ns.value_or(due_ns), due_ns);
  }
  if (!next_ns) return std::nullopt;
  // Not before it can be paid for.
  return std::max(*next_ns, refilled_ns_ + kReadingPriceNs - budget_ns_);
}

}  // namespace cnproc
