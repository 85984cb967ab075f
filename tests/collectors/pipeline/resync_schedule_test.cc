// SPDX-License-Identifier: Apache-2.0
#include "collectors/pipeline/resync_schedule.h"

#include <gtest/gtest.h>

namespace cnproc {
namespace {

TEST(ResyncScheduleTest, TheFirstBeginsAtOnce) {
  ResyncSchedule schedule;
  EXPECT_EQ(schedule.TakeDue(0), ResyncReason::kNone);
  schedule.Request(ResyncReason::kLoss);
  EXPECT_EQ(schedule.TakeDue(0), ResyncReason::kLoss);
}

TEST(ResyncScheduleTest, OneRunsAtATime) {
  ResyncSchedule schedule;
  schedule.Request(ResyncReason::kStart);
  ASSERT_EQ(schedule.TakeDue(0), ResyncReason::kStart);
  schedule.Request(ResyncReason::kLoss);
  EXPECT_EQ(schedule.TakeDue(10 * kNsPerSecond), ResyncReason::kNone);
  EXPECT_EQ(schedule.Finish(10 * kNsPerSecond, kNsPerMs), ResyncReason::kStart);
  EXPECT_EQ(schedule.TakeDue(11 * kNsPerSecond), ResyncReason::kLoss);
}

TEST(ResyncScheduleTest, LossesWithoutEndCostABoundedShareAndWaitAtMostFiveSeconds) {
  for (const int64_t took_ns : {kNsPerMs, 100 * kNsPerMs, 10 * kNsPerSecond}) {
    ResyncSchedule schedule;
    schedule.Request(ResyncReason::kLoss);
    ASSERT_EQ(schedule.TakeDue(0), ResyncReason::kLoss);
    schedule.Finish(0, took_ns);
    schedule.Request(ResyncReason::kLoss);
    EXPECT_EQ(schedule.TakeDue(kNsPerSecond - 1), ResyncReason::kNone) << took_ns;
    EXPECT_EQ(schedule.TakeDue(5 * kNsPerSecond), ResyncReason::kLoss) << took_ns;
  }
}

TEST(ResyncScheduleTest, OneThatWasGivenUpIsStillWanted) {
  ResyncSchedule schedule;
  schedule.Request(ResyncReason::kResubscribe);
  ASSERT_EQ(schedule.TakeDue(0), ResyncReason::kResubscribe);
  schedule.GiveUp(0);
  EXPECT_EQ(schedule.TakeDue(1), ResyncReason::kNone) << "not again and again";
  EXPECT_EQ(schedule.TakeDue(kNsPerSecond), ResyncReason::kResubscribe);
}

}  // namespace
}  // namespace cnproc
