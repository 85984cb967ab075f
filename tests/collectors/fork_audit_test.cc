// SPDX-License-Identifier: Apache-2.0
#include "collectors/fork_audit.h"

#include <gtest/gtest.h>

namespace cnproc {
namespace {

constexpr ForkAudit kBefore{.kernel_forks = 1000, .forks_seen = 400, .lost = 10, .messages = 900};

TEST(ForkAuditTest, WhatNeitherCameNorWasLostIsUnaccounted) {
  EXPECT_EQ(ForksUnaccounted(
                kBefore, {.kernel_forks = 1100, .forks_seen = 430, .lost = 15, .messages = 930}),
            65u);
}

TEST(ForkAuditTest, WhenMoreWasLostThanForkedNothingIsInvented) {
  EXPECT_EQ(ForksUnaccounted(
                kBefore, {.kernel_forks = 1100, .forks_seen = 430, .lost = 500, .messages = 930}),
            0u);
}

class MuteWatchTest : public testing::Test {
 protected:
  MuteWatchTest() { watch_.Restart(kBefore); }
  // A tick later, with so many forks and messages since the beginning.
  bool Tick(uint64_t forked, uint64_t seen, uint64_t messages, uint64_t lost = 0) {
    return watch_.IsMuted({.kernel_forks = kBefore.kernel_forks + forked,
                           .forks_seen = kBefore.forks_seen + seen,
                           .lost = kBefore.lost + lost,
                           .messages = kBefore.messages + messages});
  }

  MuteWatch watch_;
};

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

TEST_F(MuteWatchTest, AStreamThatLosesIsNotMuted) {
  EXPECT_FALSE(Tick(100, 10, 25, 0));
  EXPECT_FALSE(Tick(200, 10, 25, 60)) << "it is overrun";
}

}  // namespace
}  // namespace cnproc
