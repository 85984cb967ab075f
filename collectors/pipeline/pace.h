// SPDX-License-Identifier: Apache-2.0
// When the stream is read after the first event of a round has come. Pure; not thread safe.
#ifndef CNPROC_COLLECTORS_PIPELINE_PACE_H_
#define CNPROC_COLLECTORS_PIPELINE_PACE_H_

#include <algorithm>
#include <cstdint>

#include "collectors/base/time.h"

namespace cnproc {

// In a storm a wake-up for each event would slow the forking processes down, so events gather for a
// while. A program that is started alone is read at once: its cgroup can be read as long as it
// lives, which may be a millisecond. A budget keeps these rounds, of about 15 us each, below 0.2 %
// of a CPU in the long run.
class Pace {
 public:
  static constexpr int64_t kStormGatherNs = 2 * kNsPerMs;
  // Where no program was started there is nothing to be read from /proc before it is gone: half as
  // many rounds do.
  static constexpr int64_t kForkStormGatherNs = 4 * kNsPerMs;

  // After each round: how many events it read.
  void OnRound(int64_t now_ns, uint64_t events) {
    if (now_ns - counted_since_ns_ > kStormGatherNs) {
      counted_since_ns_ = now_ns;
      counted_ = 0;
    }
    counted_ += events;
  }

  // Whether the latest round, or the quick ones that followed each other, read so many that the
  // next one's will gather anyway: a storm that begins must not cost a round for each of its
  // events.
  bool IsStorm() const { return counted_ >= kStormEvents; }

  // How long to let events gather after the first has come, where there is no storm.
  int64_t GatherNs(int64_t now_ns) {
    budget_ns_ = std::min(budget_ns_ + (now_ns - refilled_ns_), kMaxBudgetNs);
    refilled_ns_ = now_ns;
    if (budget_ns_ < kRoundPriceNs) return kStormGatherNs;
    budget_ns_ -= kRoundPriceNs;
    return 0;
  }

 private:
  // As many in one gathering are 5,000 a second and more.
  static constexpr uint64_t kStormEvents = 10;
  static constexpr int64_t kRoundPriceNs = kNsPerSecond / 128;
  static constexpr int64_t kMaxBudgetNs = 512 * kRoundPriceNs;

  int64_t budget_ns_ = kMaxBudgetNs;
  int64_t refilled_ns_ = 0;
  int64_t counted_since_ns_ = 0;
  uint64_t counted_ = 0;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PIPELINE_PACE_H_
