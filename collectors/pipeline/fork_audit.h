// SPDX-License-Identifier: Apache-2.0
// /proc/stat counts every fork, whether anybody listens or not. A fork that it counted and the
// stream did not bring was lost; a stream that stays silent although there are such forks has been
// muted (before Linux 6.6 the IGNORE of another tool can mute every listener).
#ifndef CNPROC_COLLECTORS_PIPELINE_FORK_AUDIT_H_
#define CNPROC_COLLECTORS_PIPELINE_FORK_AUDIT_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>

namespace cnproc {

// First /proc/stat is read, then the stream until it is empty: a fork between the two is in
// forks_seen and not in kernel_forks.
struct ForkAudit {
  uint64_t kernel_forks = 0;  // /proc/stat, since boot
  uint64_t forks_seen = 0;
  uint64_t lost = 0;      // events lost and accounted for; any of them may be a fork
  uint64_t messages = 0;  // of any kind
};

// By how many forks /proc/stat is ahead of the stream while none is missing. That is a constant,
// and each audit bounds it from both sides: least_ <= it <= most_. Pure; not thread safe.
class ForkOffset {
 public:
  // `kernel_forks_after` was read when the stream was empty.
  void Narrow(const ForkAudit& audit, uint64_t kernel_forks_after) {
    const auto seen = static_cast<int64_t>(audit.forks_seen);
    least_ = std::max(least_, static_cast<int64_t>(audit.kernel_forks) - seen);
    most_ = std::min(most_, static_cast<int64_t>(kernel_forks_after) - seen);
  }
  bool exact() const { return least_ >= most_; }
  // An upper bound. Too small an offset would invent missing forks.
  int64_t most() const { return most_; }

 private:
  int64_t least_ = std::numeric_limits<int64_t>::min();
  int64_t most_ = std::numeric_limits<int64_t>::max();
};

// Watches from tick to tick whether forks are missing. Pure; not thread safe.
class MuteWatch {
 public:
  // From now on /proc/stat is ahead by `offset`; `lost` is ForkAudit::lost now.
  void Restart(int64_t offset, uint64_t lost) {
    offset_ = offset;
    lost_ = lost;
    suspect_.reset();
  }

  // How many forks neither came nor were counted as lost. A lower bound, because every lost event
  // may have been a fork.
  uint64_t Unaccounted(const ForkAudit& now) const {
    if (!offset_) return 0;
    const int64_t missing = static_cast<int64_t>(now.kernel_forks) - *offset_ -
                            static_cast<int64_t>(now.forks_seen) -
                            static_cast<int64_t>(now.lost - lost_);
    return static_cast<uint64_t>(std::max<int64_t>(missing, 0));
  }

  // Call it once a tick. True if forks are missing and not one message came since the tick before:
  // then none will come.
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

  // In the last audit forks were missing.
  bool suspects() const { return suspect_.has_value(); }
  // Events were lost since Restart: as many missing forks are excused, until the next Restart.
  bool is_excused(const ForkAudit& now) const { return now.lost != lost_; }

 private:
  std::optional<int64_t> offset_;
  uint64_t lost_ = 0;
  std::optional<ForkAudit> suspect_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PIPELINE_FORK_AUDIT_H_
