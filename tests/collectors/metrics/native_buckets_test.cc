// SPDX-License-Identifier: Apache-2.0
#include "collectors/metrics/native_buckets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <random>

namespace cnproc {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Index to count, empty buckets left out.
std::map<int32_t, uint64_t> Decode(const NativeHistogram& histogram) {
  std::map<int32_t, uint64_t> counts;
  int32_t index = 0;
  int64_t count = 0;
  size_t next_delta = 0;
  for (const auto& span : histogram.positive_spans) {
    index += span.offset;
    for (uint32_t i = 0; i < span.length; ++i, ++index) {
      count += histogram.positive_deltas.at(next_delta++);
      EXPECT_GE(count, 0);
      if (count > 0) counts[index] = static_cast<uint64_t>(count);
    }
  }
  EXPECT_EQ(next_delta, histogram.positive_deltas.size());
  return counts;
}

double UpperBound(int32_t schema, int32_t index) {
  return std::exp2(static_cast<double>(index) * std::exp2(-schema));
}

TEST(NativeBuckets, PutsAValueIntoTheBucketWhoseUpperBoundItDoesNotExceed) {
  NativeBuckets buckets;
  buckets.Observe(1);     // the upper bound of bucket 0
  buckets.Observe(1.05);  // (1, 2^(1/8)]
  buckets.Observe(2, 3);
  buckets.Observe(0.5);

  const NativeHistogram histogram = buckets.Snapshot();
  EXPECT_EQ(histogram.schema, 3);
  EXPECT_THAT(Decode(histogram),
              ElementsAre(std::pair(-8, 1), std::pair(0, 1), std::pair(1, 1), std::pair(8, 3)));
}

TEST(NativeBuckets, WritesRunsOfBucketsAndBridgesSmallGaps) {
  NativeBuckets buckets;
  for (const double power : {0.0, 1.0, 4.0, 10.0}) {  // eighths of an octave
    buckets.Observe(std::exp2((power - 0.5) / 8));
  }

  const NativeHistogram histogram = buckets.Snapshot();
  ASSERT_EQ(histogram.positive_spans.size(), 2U);
  EXPECT_EQ(histogram.positive_spans[0].offset, 0);
  EXPECT_EQ(histogram.positive_spans[0].length, 5U);
  EXPECT_EQ(histogram.positive_spans[1].offset, 5);
  EXPECT_EQ(histogram.positive_spans[1].length, 1U);
  EXPECT_THAT(histogram.positive_deltas, ElementsAre(1, 0, -1, 0, 1, 0));
}

TEST(NativeBuckets, CountsWhatIsNotPositiveAsZero) {
  NativeBuckets buckets;
  buckets.Observe(0, 2);
  buckets.Observe(-1);
  buckets.Observe(NativeBuckets::kZeroThreshold);
  buckets.Observe(std::numeric_limits<double>::quiet_NaN());

  const NativeHistogram histogram = buckets.Snapshot();
  EXPECT_EQ(histogram.zero_count, 5U);
  EXPECT_GT(histogram.zero_threshold, 0);
  EXPECT_THAT(histogram.positive_spans, IsEmpty());
}

TEST(NativeBuckets, HoldsEveryValueBetweenTheBoundsOfItsBucket) {
  std::mt19937_64 random(3);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same numbers each time
  std::uniform_real_distribution<double> exponent(-100, 100);
  for (int i = 0; i < 20000; ++i) {
    const double value = std::exp2(exponent(random));
    NativeBuckets buckets;
    buckets.Observe(value);
    const auto counts = Decode(buckets.Snapshot());
    ASSERT_EQ(counts.size(), 1U);
    const int32_t index = counts.begin()->first;
    constexpr double kRounding = 1e-14;
    ASSERT_LE(value, UpperBound(3, index) * (1 + kRounding));
    ASSERT_GT(value, UpperBound(3, index - 1) * (1 - kRounding));
  }
}

TEST(NativeBuckets, HalvesTheResolutionWhenTheBucketsDoNotFit) {
  NativeBuckets buckets(10);
  for (int i = 1; i <= 10; ++i) buckets.Observe(UpperBound(3, i));
  EXPECT_EQ(buckets.Snapshot().schema, 3);

  buckets.Observe(UpperBound(3, 11));

  const NativeHistogram halved = buckets.Snapshot();
  EXPECT_EQ(halved.schema, 2);
  EXPECT_THAT(Decode(halved), ElementsAre(std::pair(1, 2), std::pair(2, 2), std::pair(3, 2),
                                          std::pair(4, 2), std::pair(5, 2), std::pair(6, 1)));

  buckets.Observe(UpperBound(2, -1));  // new values take the coarser bucket too
  EXPECT_EQ(Decode(buckets.Snapshot()).at(-1), 1U);
}

TEST(NativeBuckets, StaysBoundedOverTheWholeRangeOfDoublesAndLosesNothing) {
  NativeBuckets buckets;
  uint64_t observed = 0;
  for (int exponent = -127; exponent <= 1023; ++exponent) {
    for (const double mantissa : {1.0, 1.1, 1.5, 1.9}) {
      buckets.Observe(std::ldexp(mantissa, exponent));
      ++observed;
    }
  }
  buckets.Observe(std::numeric_limits<double>::infinity());
  ++observed;

  const NativeHistogram histogram = buckets.Snapshot();
  const auto counts = Decode(histogram);
  EXPECT_LE(counts.size(), NativeBuckets::kDefaultMaxBuckets);
  uint64_t total = histogram.zero_count;
  for (const auto& [index, count] : counts) total += count;
  EXPECT_EQ(total, observed);
}

}  // namespace
}  // namespace cnproc
