// SPDX-License-Identifier: Apache-2.0
#include "collectors/pipeline/pace.h"

#include <gtest/gtest.h>

namespace cnproc {
namespace {

// Rounds of one second in which a round with so many events comes each `every_ns`.
int QuickRounds(Pace& pace, int64_t& now_ns, int64_t every_ns, size_t events) {
  int quick = 0;
  for (const int64_t end_ns = now_ns + kNsPerSecond; now_ns < end_ns; now_ns += every_ns) {
    if (!pace.IsStorm() && pace.GatherNs(now_ns) == 0) ++quick;
    pace.OnRound(now_ns, events);
  }
  return quick;
}

TEST(PaceTest, ReadsWhatComesAloneAtOnce) {
  Pace pace;
  int64_t now_ns = 0;
  EXPECT_EQ(QuickRounds(pace, now_ns, 10 * kNsPerMs, 1), 100);
  EXPECT_EQ(QuickRounds(pace, now_ns, 10 * kNsPerMs, 1), 100);
}

TEST(PaceTest, LetsAStormGatherAndSavesItsBudget) {
  Pace pace;
  int64_t now_ns = 0;
  EXPECT_LE(QuickRounds(pace, now_ns, 3 * kNsPerMs, 100), 1);
  EXPECT_GE(QuickRounds(pace, now_ns, 3 * kNsPerMs, 3), 333);
}

// 40,000 events a second, of which a quick round finds two: the storm is known by its fifth.
TEST(PaceTest, SeesAStormBeginInQuickRounds) {
  Pace pace;
  int64_t now_ns = kNsPerSecond;
  int quick = 0;
  for (; !pace.IsStorm(); now_ns += kNsPerMs / 20, ++quick) {
    ASSERT_EQ(pace.GatherNs(now_ns), 0);
    pace.OnRound(now_ns, 2);
  }
  EXPECT_EQ(quick, 5);
}

TEST(PaceTest, BoundsItsCostInTheLongRun) {
  // Given single events without end, when the burst that is allowed is over
  Pace pace;
  int64_t now_ns = 0;
  for (int second = 0; second < 5; ++second) QuickRounds(pace, now_ns, kNsPerMs / 10, 1);
  // Then 128 rounds a second are quick.
  EXPECT_NEAR(QuickRounds(pace, now_ns, kNsPerMs / 10, 1), 128, 1);
}

}  // namespace
}  // namespace cnproc
