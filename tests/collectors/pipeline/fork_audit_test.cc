// SPDX-License-Identifier: Apache-2.0
#include "collectors/pipeline/fork_audit.h"

#include <gtest/gtest.h>

namespace cnproc {
namespace {

TEST(ForkOffsetTest, IsExactOnceNothingForkedWhileBothWereRead) {
  ForkOffset offset;
  offset.Narrow({.kernel_forks = 1000, .forks_seen = 3}, 1005);
  EXPECT_FALSE(offset.exact());
  offset.Narrow({.kernel_forks = 1010, .forks_seen = 12}, 1010);
  EXPECT_TRUE(offset.exact());
  EXPECT_EQ(offset.most(), 998);
}

TEST(ForkOffsetTest, IsNarrowedOnAMachineThatNeverPauses) {
  ForkOffset offset;
  offset.Narrow({.kernel_forks = 1000, .forks_seen = 3}, 1003);   // 997 to 1,000
  offset.Narrow({.kernel_forks = 1010, .forks_seen = 12}, 1012);  // 998 to 1,000
  offset.Narrow({.kernel_forks = 1020, .forks_seen = 25}, 1023);  // 995 to 998
  EXPECT_TRUE(offset.exact());
  EXPECT_EQ(offset.most(), 998);
}

class MuteWatchTest : public testing::Test {
 protected:
  static constexpr ForkAudit kBefore{
      .kernel_forks = 1000, .forks_seen = 400, .lost = 10, .messages = 900};

  MuteWatchTest() { watch_.Restart(/*offset=*/600, kBefore.lost); }

  static ForkAudit Audit(uint64_t forked, uint64_t seen, uint64_t messages, uint64_t lost = 0) {
    return {.kernel_forks = kBefore.kernel_forks + forked,
            .forks_seen = kBefore.forks_seen + seen,
            .lost = kBefore.lost + lost,
            .messages = kBefore.messages + messages};
  }
  // A tick later, with so many forks and messages since the beginning.
  bool Tick(uint64_t forked, uint64_t seen, uint64_t messages, uint64_t lost = 0) {
    return watch_.IsMuted(Audit(forked, seen, messages, lost));
  }

  MuteWatch watch_;
};

TEST_F(MuteWatchTest, WhatNeitherCameNorWasLostIsUnaccounted) {
  EXPECT_EQ(watch_.Unaccounted(Audit(100, 30, 30, 5)), 65u);
}

TEST_F(MuteWatchTest, WhenMoreWasLostThanForkedNothingIsInvented) {
  EXPECT_EQ(watch_.Unaccounted(Audit(100, 30, 30, 490)), 0u);
}

TEST_F(MuteWatchTest, AQuietMachineIsNotMuted) {
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(Tick(0, 0, 0));
}

TEST_F(MuteWatchTest, ABusyStreamIsNot) {
  for (uint64_t i = 1; i < 5; ++i) EXPECT_FALSE(Tick(10 * i, 10 * i, 25 * i));
}

TEST_F(MuteWatchTest, ForksAndSilenceAre) {
  EXPECT_FALSE(Tick(3, 0, 0)) << "their events may be on the way";
  EXPECT_TRUE(Tick(3, 0, 0));
}

TEST_F(MuteWatchTest, AMuteThatBeganAmongEventsIsNotForgotten) {
  EXPECT_FALSE(Tick(50, 10, 30));
  EXPECT_TRUE(Tick(50, 10, 30));
}

TEST_F(MuteWatchTest, AForkCountedBeforeItsEventCameIsNone) {
  EXPECT_FALSE(Tick(10, 9, 25));
  EXPECT_FALSE(Tick(10, 10, 26));
  EXPECT_FALSE(Tick(10, 10, 26));
}

TEST_F(MuteWatchTest, AForkSeenBeforeItWasCountedIsNone) {
  EXPECT_FALSE(Tick(0, 1, 2));
  EXPECT_FALSE(Tick(1, 1, 2));
  EXPECT_FALSE(watch_.suspects());
  EXPECT_FALSE(Tick(1, 1, 2));
}

// A storm forks 200 processes while both sides are read, and is over.
TEST_F(MuteWatchTest, AStormAmidTheReadingRaisesNoSuspicionLater) {
  EXPECT_FALSE(Tick(1000, 1200, 2400));
  EXPECT_FALSE(Tick(1210, 1210, 2420));
  EXPECT_FALSE(watch_.suspects());
}

TEST_F(MuteWatchTest, AStreamThatLosesIsNotMuted) {
  EXPECT_FALSE(Tick(100, 10, 25, 0));
  EXPECT_FALSE(Tick(200, 10, 25, 60)) << "it is overrun";
}

TEST_F(MuteWatchTest, ALossExcusesUntilTheRestart) {
  const ForkAudit lost = Audit(100, 90, 200, 50);
  EXPECT_FALSE(watch_.IsMuted(lost));
  ASSERT_TRUE(watch_.is_excused(lost));
  watch_.Restart(static_cast<int64_t>(lost.kernel_forks - lost.forks_seen), lost.lost);
  EXPECT_FALSE(watch_.is_excused(lost));
  EXPECT_EQ(watch_.Unaccounted(Audit(103, 90, 200, 50)), 3u);
}

}  // namespace
}  // namespace cnproc
