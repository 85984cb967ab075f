// SPDX-License-Identifier: Apache-2.0
// /proc/stat counts every fork, whoever listens: what it saw and the stream did not is a loss, and
// a stream that stays silent over it has been muted (before 6.6 another tool's IGNORE can).
#ifndef CNPROC_COLLECTORS_PIPELINE_FORK_AUDIT_H_
#define CNPROC_COLLECTORS_PIPELINE_FORK_AUDIT_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>

namespace cnproc {

// /proc/stat was read first, then the stream until it was empty: a fork in between has been seen
// and is not in kernel_forks yet.
struct ForkAudit {
  uint64_t kernel_forks = 0;  // /proc/stat, since boot
  uint64_t forks_seen = 0;
  uint64_t lost = 0;      // events lost and accounted for; any of them may be a fork
  uint64_t messages = 0;  // of any kind
};

// By how much /proc/stat is ahead of the stream while no fork is missing: a constant, which each
// audit bounds from both sides. Pure; not thread safe.
class ForkOffset {
 public:
  // `kernel_forks_after` was read when the stream was empty.
  void Narrow(const ForkAudit& audit, uint64_t kernel_forks_after) {
    const auto seen = static_cast<int64_t>(audit.forks_seen);
    least_ = std::max(least_, static_cast<int64_t>(audit.kernel_forks) - seen);
    most_ = std::min(most_, static_cast<int64_t>(kernel_forks_after) - seen);
  }
  bool exact() const { return least_ >= most_; }
  // Never too small, for that would invent missing forks.
  int64_t most() const { return most_; }

 private:
  int64_t least_ = std::numeric_limits<int64_t>::min();
  int64_t most_ = std::numeric_limits<int64_t>::max();
};

// Watches from tick to tick whether forks are missing. Pure; not thread safe.
class MuteWatch {
 public:
  // From now on /proc/stat is ahead by so much.
  void Restart(int64_t offset, uint64_t lost) {
    offset_ = offset;
    lost_ = lost;
    suspect_.reset();
  }

  // Forks that neither came nor were counted as lost: a lower bound, because every lost event may
  // have been a fork.
  uint64_t Unaccounted(const ForkAudit& now) const {
    if (!offset_) return 0;
    const int64_t missing = static_cast<int64_t>(now.kernel_forks) - *offset_ -
                            static_cast<int64_t>(now.forks_seen) -
                            static_cast<int64_t>(now.lost - lost_);
    return static_cast<uint64_t>(std::max<int64_t>(missing, 0));
  }

  // True where forks are missing, not one message came for a whole tick and so none will come.
  bool IsMuted(const ForkAudit& now) {
    if (Unaccounted(now) == 0) {
      suspect_.reset();
      return false;
    }
    const bool silent =
        suspect_ && now.messages == suspect_->messages && now.lost == suspect_->lost;
    suspect_ = now;
    return silent;
  }

  // The last audit did not agree.
  bool suspects() const { return suspect_.has_value(); }
  // Events were lost that excuse as many missing forks, for as long as there is no restart.
  bool is_excused(const ForkAudit& now) const { return now.lost != lost_; }

 private:
  std::optional<int64_t> offset_;
  uint64_t lost_ = 0;
  std::optional<ForkAudit> suspect_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PIPELINE_FORK_AUDIT_H_
