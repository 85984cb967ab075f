// SPDX-License-Identifier: Apache-2.0
// /proc/stat counts every fork, whoever listens: what it saw and the stream did not is a loss, and
// a stream that stays silent over it has been muted (before 6.6 another tool's IGNORE can).
#ifndef CNPROC_COLLECTORS_FORK_AUDIT_H_
#define CNPROC_COLLECTORS_FORK_AUDIT_H_

#include <algorithm>
#include <cstdint>
#include <optional>

namespace cnproc {

// Both sides at one moment: kernel_forks was read first, then the stream until it was empty.
struct ForkAudit {
  uint64_t kernel_forks = 0;  // /proc/stat, since boot
  uint64_t forks_seen = 0;
  uint64_t lost = 0;      // events lost and accounted for; any of them may be a fork
  uint64_t messages = 0;  // of any kind
};

// Forks since `before` that neither came nor were counted as lost: a lower bound, because every
// lost event may have been a fork.
inline uint64_t ForksUnaccounted(const ForkAudit& before, const ForkAudit& now) {
  const uint64_t made = now.kernel_forks - before.kernel_forks;
  const uint64_t known = (now.forks_seen - before.forks_seen) + (now.lost - before.lost);
  return made - std::min(made, known);
}

// Watches the difference from tick to tick. Pure; not thread safe.
class MuteWatch {
 public:
  // Both sides agreed then.
  void Restart(const ForkAudit& agreed) {
    agreed_ = agreed;
    suspect_.reset();
  }

  // True where forks are missing, not one message came for a whole tick and so none will come.
  // Until then the last agreement stands: a mute begins in the midst of events, whose tick would
  // otherwise swallow the forks that were missed in it.
  bool IsMuted(const ForkAudit& now) {
    if (!agreed_ || ForksUnaccounted(*agreed_, now) == 0) {
      Restart(now);
      return false;
    }
    const bool silent =
        suspect_ && now.messages == suspect_->messages && now.lost == suspect_->lost;
    suspect_ = now;
    return silent;
  }

  // The last audit did not agree.
  bool suspects() const { return suspect_.has_value(); }

  // Forks missed since the last agreement.
  uint64_t Unaccounted(const ForkAudit& now) const {
    return agreed_ ? ForksUnaccounted(*agreed_, now) : 0;
  }

 private:
  std::optional<ForkAudit> agreed_;
  std::optional<ForkAudit> suspect_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_FORK_AUDIT_H_
