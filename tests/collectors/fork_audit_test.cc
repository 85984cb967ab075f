// SPDX-License-Identifier: Apache-2.0
#include "collectors/fork_audit.h"

#include <gtest/gtest.h>

namespace cnproc {
namespace {

constexpr ForkAudit kBefore{.kernel_forks = 1000, .forks_seen = 400, .lost = 10, .messages = 900};

TEST(ForkAuditTest, ForksWithoutAnyMessageLookMuted) {
  EXPECT_TRUE(
      LooksMuted(kBefore, {.kernel_forks = 1001, .forks_seen = 400, .lost = 10, .messages = 900}));
}

TEST(ForkAuditTest, AQuietMachineDoesNot) { EXPECT_FALSE(LooksMuted(kBefore, kBefore)); }

TEST(ForkAuditTest, NeitherDoesAStreamThatStillBringsSomething) {
  EXPECT_FALSE(
      LooksMuted(kBefore, {.kernel_forks = 1005, .forks_seen = 400, .lost = 10, .messages = 901}));
  EXPECT_FALSE(
      LooksMuted(kBefore, {.kernel_forks = 1005, .forks_seen = 400, .lost = 11, .messages = 900}));
}

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

}  // namespace
}  // namespace cnproc
