// SPDX-License-Identifier: Apache-2.0
#include "collectors/pipeline/early_cgroups.h"

#include <algorithm>
#include <utility>

namespace cnproc {

EarlyCgroups::EarlyCgroups() : children_(kMaxChildren) {}

void EarlyCgroups::OnFork(pid_t tgid, int64_t timestamp_ns, bool of_runtime) {
  ChildOf(tgid) = {.tgid = tgid, .forked_ns = timestamp_ns, .cgroup = nullptr};
  const size_t place = of_runtime ? kOfRuntimes : 1;
  Looks& looks = looks_[place];
  if (looks.size() >= kMaxChildren) looks.pop_front();
  const int64_t delay_ns = of_runtime ? 0 : kDelaysNs[0];
  looks.push_back({.tgid = tgid, .forked_ns = timestamp_ns, .due_ns = timestamp_ns + delay_ns});
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
  for (size_t place = 0; place < looks_.size(); ++place) {
    Looks& looks = looks_[place];
    while (!looks.empty() && looks.front().due_ns <= now_ns) {
      const Look look = looks.front();
      if (IsThere(look)) {
        const int64_t least_ns = place == kOfRuntimes ? 0 : kReservedNs;
        if (budget_ns_ < least_ns + kReadingPriceNs) break;
        budget_ns_ -= kReadingPriceNs;
        // One that has just ended keeps what was read before.
        if (auto cgroup = read(look.tgid)) ChildOf(look.tgid).cgroup = std::move(cgroup);
        LookAgain(place, look, now_ns);
      }
      looks.pop_front();
    }
  }
}

void EarlyCgroups::LookAgain(size_t place, const Look& look, int64_t now_ns) {
  Look next = look;
  if (place == kOfRuntimes) {
    if (now_ns - look.forked_ns > kRuntimePatienceNs) return;
    next.due_ns = now_ns + kRuntimePaceNs;
    looks_[place].push_back(next);
  } else if (place < kDelaysNs.size()) {
    next.due_ns = look.forked_ns + kDelaysNs[place];
    looks_[place + 1].push_back(next);
  }
}

std::optional<int64_t> EarlyCgroups::NextDueNs() {
  std::optional<int64_t> next_ns;
  for (size_t place = 0; place < looks_.size(); ++place) {
    Looks& looks = looks_[place];
    // Most children have ended by now.
    while (!looks.empty() && !IsThere(looks.front())) looks.pop_front();
    if (looks.empty()) continue;
    // Not before it can be paid for.
    const int64_t least_ns = place == kOfRuntimes ? 0 : kReservedNs;
    const int64_t payable_ns = refilled_ns_ + least_ns + kReadingPriceNs - budget_ns_;
    const int64_t due_ns = std::max(looks.front().due_ns, payable_ns);
    next_ns = std::min(next_ns.value_or(due_ns), due_ns);
  }
  return next_ns;
}

}  // namespace cnproc
