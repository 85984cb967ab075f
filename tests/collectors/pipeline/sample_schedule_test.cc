// SPDX-License-Identifier: Apache-2.0
#include "collectors/pipeline/sample_schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <vector>

namespace cnproc {
namespace {

constexpr int64_t kSecond = kNsPerSecond;
constexpr int64_t kStart = 1000 * kSecond;

std::vector<pid_t> Living(size_t count) {
  std::vector<pid_t> living(count);
  std::iota(living.begin(), living.end(), 100);
  return living;
}

// A thread that ticks once a second and does at once what is due, for so much CPU a sample.
class World {
 public:
  World(const SamplingOptions& options, size_t processes, int64_t cost_ns)
      : schedule_(options, kStart), living_(Living(processes)), cost_ns_(cost_ns) {}

  void RunSeconds(int64_t seconds) {
    for (int64_t i = 0; i < seconds; ++i, now_ns_ += kSecond) {
      if (schedule_.WantsProcesses(now_ns_)) schedule_.Begin(living_, now_ns_);
      schedule_.OnTick(now_ns_);
      while (schedule_.is_due()) {
        const auto taken = schedule_.TakeDue(32, now_ns_);
        for (const pid_t tgid : taken) {
          longest_ns_ = std::max(longest_ns_, now_ns_ - SampledAt(tgid));
          sampled_at_[tgid] = now_ns_;
        }
        samples_ += taken.size();
        spent_ns_ += static_cast<int64_t>(taken.size()) * cost_ns_;
        schedule_.Spend(static_cast<int64_t>(taken.size()) * cost_ns_);
      }
    }
  }
  // By what was really sampled.
  int64_t OldestSampleNs() const {
    int64_t oldest_ns = 0;
    for (const pid_t tgid : living_) oldest_ns = std::max(oldest_ns, now_ns_ - SampledAt(tgid));
    return oldest_ns;
  }
  int64_t SampledAt(pid_t tgid) const {
    const auto found = sampled_at_.find(tgid);
    return found == sampled_at_.end() ? kStart : found->second;
  }

  SampleSchedule schedule_;
  std::vector<pid_t> living_;
  const int64_t cost_ns_;
  int64_t now_ns_ = kStart;
  std::map<pid_t, int64_t> sampled_at_;
  int64_t longest_ns_ = 0;  // between two samples of one process
  size_t samples_ = 0;
  int64_t spent_ns_ = 0;
};

TEST(SampleScheduleTest, EachProcessHasItsTurnOnceAnInterval) {
  World world({.interval_ns = 15 * kSecond, .cpu_share = 0.5}, 3000, 10'000);
  world.RunSeconds(150);
  EXPECT_EQ(world.samples_, 30'000U);
  EXPECT_LE(world.longest_ns_, 15 * kSecond);
}

TEST(SampleScheduleTest, NoSecondHasMoreToDoThanItsShare) {
  World world({.interval_ns = 15 * kSecond, .cpu_share = 0.5}, 3000, 10'000);
  world.RunSeconds(2);  // it begins without savings
  for (int i = 0; i < 60; ++i) {
    const size_t before = world.samples_;
    world.RunSeconds(1);
    EXPECT_EQ(world.samples_ - before, 200U) << i;
  }
}

TEST(SampleScheduleTest, WhereTheBudgetDoesNotReachTheIntervalStretchesAndNobodyIsLeftOut) {
  // Given thirty thousand processes and a budget for a sixth of them in an interval
  World world({.interval_ns = 15 * kSecond, .cpu_share = 0.005}, 30'000, 15'000);
  world.RunSeconds(900);
  // Then no more is spent, but for the step with which the budget ran out
  EXPECT_LE(world.spent_ns_, 900 * kSecond / 200 + 32 * 15'000);
  EXPECT_GE(world.spent_ns_, 900 * kSecond / 200 * 95 / 100);
  // And everybody has their turn each 90 s
  EXPECT_EQ(world.sampled_at_.size(), 30'000U);
  EXPECT_NEAR(static_cast<double>(world.longest_ns_), 90e9, 3e9);
}

TEST(SampleScheduleTest, ItSaysHowOldTheOldestSampleIs) {
  World world({.interval_ns = 15 * kSecond, .cpu_share = 0.005}, 10'000, 15'000);
  for (int i = 0; i < 300; ++i) {
    world.RunSeconds(1);
    ASSERT_GE(world.schedule_.OldestSampleNs(world.now_ns_), world.OldestSampleNs()) << i;
    // Those of one step are told by the first of them.
    ASSERT_LE(world.schedule_.OldestSampleNs(world.now_ns_), world.OldestSampleNs() + kSecond);
  }
}

TEST(SampleScheduleTest, APauseIsNoReasonForABurst) {
  World world({.interval_ns = 15 * kSecond, .cpu_share = 0.005}, 100'000, 15'000);
  world.RunSeconds(10);
  const int64_t spent_ns = world.spent_ns_;
  world.now_ns_ += 3600 * kSecond;  // stopped, or asleep
  world.RunSeconds(1);
  EXPECT_LE(world.spent_ns_ - spent_ns, 10 * kNsPerMs + 32 * 15'000);
}

TEST(SampleScheduleTest, NobodyIsDueWhereNobodyLives) {
  SampleSchedule schedule({}, kStart);
  EXPECT_TRUE(schedule.WantsProcesses(kStart));
  schedule.OnTick(kStart);
  EXPECT_FALSE(schedule.is_due());
  EXPECT_TRUE(schedule.TakeDue(32, kStart).empty());
  EXPECT_EQ(schedule.OldestSampleNs(kStart + kSecond), kSecond) << "since the scan at the start";
}

TEST(SampleScheduleTest, NewcomersWaitForTheNextSweep) {
  World world({.interval_ns = 5 * kSecond, .cpu_share = 0.5}, 100, 10'000);
  world.RunSeconds(2);
  world.living_.push_back(50);
  world.RunSeconds(3);
  EXPECT_EQ(world.sampled_at_.count(50), 0U);
  world.RunSeconds(1);
  EXPECT_EQ(world.sampled_at_.count(50), 1U);
}

}  // namespace
}  // namespace cnproc
