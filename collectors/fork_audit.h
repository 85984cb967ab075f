// SPDX-License-Identifier: Apache-2.0
// /proc/stat counts every fork, whoever listens: what it saw and the stream did not is a loss, and
// a stream that is silent while it grows has been muted (before 6.6 another tool's IGNORE can).
#ifndef CNPROC_COLLECTORS_FORK_AUDIT_H_
#define CNPROC_COLLECTORS_FORK_AUDIT_H_

#include <algorithm>
#include <cstdint>

namespace cnproc {

// Both sides at one moment: kernel_forks was read first, then the stream until it was empty.
struct ForkAudit {
  uint64_t kernel_forks = 0;  // /proc/stat, since boot
  uint64_t forks_seen = 0;
  uint64_t lost = 0;      // events lost and accounted for; any of them may be a fork
  uint64_t messages = 0;  // of any kind
};

// True where forks happened since `before` and not one message came of them.
inline bool LooksMuted(const ForkAudit& before, const ForkAudit& now) {
  return now.kernel_forks > before.kernel_forks && now.messages == before.messages &&
         now.lost == before.lost;
}

// Forks since `before` that neither came nor were counted as lost: a lower bound, because every
// lost event may have been a fork.
inline uint64_t ForksUnaccounted(const ForkAudit& before, const ForkAudit& now) {
  const uint64_t made = now.kernel_forks - before.kernel_forks;
  const uint64_t known = (now.forks_seen - before.forks_seen) + (now.lost - before.lost);
  return made - std::min(made, known);
}

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_FORK_AUDIT_H_
