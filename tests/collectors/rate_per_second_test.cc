// SPDX-License-Identifier: Apache-2.0
#include "collectors/rate_per_second.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace cnproc {
namespace {

using testing::ElementsAre;

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr std::array kBounds = {0.0, 1.0, 10.0};

class RatePerSecondTest : public testing::Test {
 protected:
  RatePerSecondTest() { rate_.OnTime(100 * kSecondNs + 5); }
  void Count(int64_t second, int times) {
    for (int i = 0; i < times; ++i) rate_.Count(second * kSecondNs + i);
  }

  RatePerSecond rate_{kBounds};
};

TEST_F(RatePerSecondTest, EachWholeSecondIsObservedOnce) {
  Count(101, 1);
  Count(102, 7);
  Count(103, 20);
  rate_.OnTime(105 * kSecondNs);
  EXPECT_THAT(rate_.histogram().counts(), ElementsAre(0, 1, 1, 1));
  EXPECT_EQ(rate_.histogram().sum(), 28);
}

TEST_F(RatePerSecondTest, TheSecondOfTheStartIsNotWhole) {
  Count(100, 5);
  rate_.OnTime(103 * kSecondNs);
  EXPECT_THAT(rate_.histogram().counts(), ElementsAre(1, 0, 0, 0)) << "second 101";
}

TEST_F(RatePerSecondTest, EmptySecondsAreZero) {
  Count(103, 1);
  rate_.OnTime(110 * kSecondNs);
  EXPECT_THAT(rate_.histogram().counts(), ElementsAre(7, 1, 0, 0));
}

TEST_F(RatePerSecondTest, ASecondStaysOpenForEventsThatComeOutOfOrder) {
  Count(101, 1);
  rate_.OnTime(102 * kSecondNs + 500);
  Count(101, 1);
  rate_.OnTime(103 * kSecondNs);
  EXPECT_THAT(rate_.histogram().counts(), ElementsAre(0, 0, 1, 0));
}

TEST_F(RatePerSecondTest, SecondsWithALossAreLeftOut) {
  Count(101, 1);
  Count(102, 1);
  Count(104, 1);
  rate_.OnLoss(102 * kSecondNs + 7, 103 * kSecondNs + 7);
  rate_.OnTime(106 * kSecondNs);
  EXPECT_THAT(rate_.histogram().counts(), ElementsAre(0, 2, 0, 0)) << "101 and 104";
}

TEST_F(RatePerSecondTest, TwoLossesThatAreBothOpenCountBoth) {
  rate_.OnLoss(101 * kSecondNs, 101 * kSecondNs);
  rate_.OnLoss(102 * kSecondNs, 102 * kSecondNs);
  Count(103, 1);
  rate_.OnTime(105 * kSecondNs);
  EXPECT_THAT(rate_.histogram().counts(), ElementsAre(0, 1, 0, 0));
}

TEST_F(RatePerSecondTest, ATimestampFarAheadIsNotFollowed) {
  Count(1'000'000'000, 1);
  rate_.OnTime(103 * kSecondNs);
  EXPECT_THAT(rate_.histogram().counts(), ElementsAre(1, 0, 0, 0));
}

}  // namespace
}  // namespace cnproc
