// SPDX-License-Identifier: Apache-2.0
#include "collectors/metrics/histogram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "collectors/base/time.h"

namespace cnproc {
namespace {

using testing::ElementsAre;

constexpr std::array kBounds = {0.1, 1.0};

Histogram OfNanoseconds() {
  return Histogram(kBounds, Histogram::Buckets::kClassicAndNative, kNsPerSecond);
}

TEST(HistogramTest, TellsSecondsOfWhatIsObservedInNanoseconds) {
  Histogram histogram = OfNanoseconds();
  EXPECT_EQ(histogram.Observe(100'000'000), 0U) << "a bound belongs to its bucket";
  EXPECT_EQ(histogram.Observe(100'000'001), 1U);
  EXPECT_EQ(histogram.Observe(2 * kNsPerSecond, 3), 2U);
  EXPECT_THAT(histogram.counts(), ElementsAre(1, 1, 3));
  EXPECT_EQ(histogram.sum(), 6.200000001);
}

TEST(HistogramTest, ASumHasNoDigitsThatNobodyObserved) {
  // 0.01 added ten times to a double is 0.09999999999999999.
  Histogram histogram = OfNanoseconds();
  for (int i = 0; i < 10; ++i) histogram.Observe(10'000'000);
  EXPECT_EQ(histogram.sum(), 0.1);
}

TEST(HistogramTest, NothingIsLessThanZeroWhateverTheClocksSay) {
  Histogram histogram = OfNanoseconds();
  EXPECT_EQ(histogram.Observe(-100'000 * kNsPerSecond), 0U);
  EXPECT_EQ(histogram.Observe(INT64_MIN), 0U);
  EXPECT_THAT(histogram.counts(), ElementsAre(2, 0, 0));
  EXPECT_EQ(histogram.sum(), 0);
  EXPECT_EQ(histogram.native()->Snapshot().zero_count, 2U);
}

TEST(HistogramTest, AYearOfLifetimesDoesNotOverflow) {
  Histogram histogram = OfNanoseconds();
  constexpr int64_t kYear = 365 * 86'400 * kNsPerSecond;
  histogram.Observe(kYear, 10'000);
  EXPECT_EQ(histogram.sum(), 365.0 * 86'400 * 10'000);
}

}  // namespace
}  // namespace cnproc
