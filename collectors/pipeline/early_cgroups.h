// SPDX-License-Identifier: Apache-2.0
// The cgroups of children that may be about to become a container's program.
#ifndef CNPROC_COLLECTORS_PIPELINE_EARLY_CGROUPS_H_
#define CNPROC_COLLECTORS_PIPELINE_EARLY_CGROUPS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "collectors/base/pid.h"
#include "collectors/base/time.h"
#include "collectors/process/event.h"
#include "collectors/process/process_facts.h"

namespace cnproc {

// The process that becomes a container's program (at a start, an exec into it, a health check) is
// in the container's cgroup for 18 ms and more before its exec. If the program fails at once, it is
// gone before its cgroup can be read after the exec. So the cgroup of each child that has neither
// exec'd nor ended some milliseconds after its fork, and of a runtime's children again and again,
// is read ahead of its exec. In a storm of short lives nothing is read, and an event costs a few
// nanoseconds. Bounded: at most kMaxChildren are remembered, of which the oldest gives way, and the
// readings of each second are bounded by kReadingPriceNs. Pure: reads through ReadCgroup alone; not
// thread safe.
class EarlyCgroups {
 public:
  // After a fork. An engine that moves its child there some time after the fork has further
  // chances.
  static constexpr std::array<int64_t, 3> kDelaysNs = {10 * kNsPerMs, 40 * kNsPerMs,
                                                       160 * kNsPerMs};
  // A runtime moves its child at any time before the child's exec: it is looked at again and again.
  static constexpr int64_t kRuntimePaceNs = 4 * kNsPerMs;
  static constexpr int64_t kRuntimePatienceNs = kNsPerSecond;
  static constexpr size_t kMaxChildren = 2048;
  static constexpr int64_t kReadingPriceNs = kNsPerMs;    // 1,000 in a second,
  static constexpr int64_t kReservedNs = 300 * kNsPerMs;  // of which some are for runtimes' alone

  EarlyCgroups();

  void OnFork(pid_t tgid, int64_t timestamp_ns, bool of_runtime);
  void OnExit(pid_t tgid) { Forget(tgid); }
  // What was read before this exec; null: nothing was.
  std::shared_ptr<const CgroupFacts> TakeAtExec(pid_t tgid);

  // Null where it cannot be read: the process has ended.
  using ReadCgroup = absl::FunctionRef<std::shared_ptr<const CgroupFacts>(pid_t)>;
  // Reads the cgroups of the children that are due. `now_ns` is by the events' clock.
  void LookAtDue(int64_t now_ns, ReadCgroup read);
  // When the next child will be due, if any waits.
  std::optional<int64_t> NextDueNs();

 private:
  // Stored by the low bits of its id: the kernel gives ids one after the other.
  struct Child {
    pid_t tgid = 0;  // 0: nobody
    int64_t forked_ns = 0;
    std::shared_ptr<const CgroupFacts> cgroup;
  };
  struct Look {
    pid_t tgid;
    int64_t forked_ns;
    int64_t due_ns;
  };
  using Looks = std::deque<Look>;
  static constexpr size_t kOfRuntimes = 0;  // their place in looks_: before those by kDelaysNs

  void LookAgain(size_t place, const Look& look, int64_t now_ns);
  Child& ChildOf(pid_t tgid) { return children_[static_cast<size_t>(tgid) % kMaxChildren]; }
  void Forget(pid_t tgid);
  // Whether the one who was to be looked at is still that child.
  bool IsThere(const Look& look) {
    const Child& child = ChildOf(look.tgid);
    return child.tgid == look.tgid && child.forked_ns == look.forked_ns;
  }

  std::vector<Child> children_;
  // Those of runtimes' children, and those by kDelaysNs. Each in the order in which they are due,
  // but for a runtime's new child, which is behind those that are due within kRuntimePaceNs.
  std::array<Looks, kDelaysNs.size() + 1> looks_;
  int64_t budget_ns_ = 0;
  int64_t refilled_ns_ = 0;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PIPELINE_EARLY_CGROUPS_H_
