// SPDX-License-Identifier: Apache-2.0
#include "collectors/metrics/family.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "collectors/metrics/family_writer.h"

namespace cnproc {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::array kBounds = {1.0, 2.0};

std::vector<std::string> Names(const Families& families) {
  std::vector<std::string> names;
  for (const Family* family : families.in_order()) names.push_back(family->metrics.name);
  return names;
}

// Of the only label of each series.
std::vector<std::string> LabelValuesOf(const Family& family) {
  std::vector<std::string> values;
  for (const auto& metric : family.metrics.metric) values.push_back(metric.label.at(0).value);
  return values;
}

std::vector<double> StartsOf(const Family& family) {
  std::vector<double> starts;
  for (const SeriesExtra& extra : family.extra) starts.push_back(extra.start_time_seconds);
  return starts;
}

TEST(FamiliesTest, OrdersFamiliesByNameAndSeriesByLabels) {
  Families families;
  FamilyWriter::Counter(families, "b", "", 0)
      .Add(0, {{"l", "y"}}, 2)
      .Add(0, {{"l", "x"}}, 1)
      .Add(0, {{"l", "z"}}, 3);
  FamilyWriter::Counter(families, "a", "", 0).Add(0);

  families.Sort();

  EXPECT_THAT(Names(families), ElementsAre("a", "b"));
  EXPECT_THAT(LabelValuesOf(*families.in_order()[1]), ElementsAre("x", "y", "z"));
  EXPECT_THAT(StartsOf(*families.in_order()[1]), ElementsAre(1, 2, 3));
}

TEST(FamiliesTest, MakesOneOfFamiliesWithOneName) {
  // Given two collectors that each give a part of a family, and one series both
  Families families;
  FamilyWriter::Counter(families, "f", "", 0).Add(0, {{"l", "b"}}, 2).Add(0, {{"l", "both"}}, 3);
  FamilyWriter::Counter(families, "g", "", 0).Add(0);
  FamilyWriter::Counter(families, "f", "", 0).Add(0, {{"l", "both"}}, 9).Add(0, {{"l", "a"}}, 1);

  families.Sort();

  EXPECT_THAT(Names(families), ElementsAre("f", "g"));
  EXPECT_THAT(LabelValuesOf(*families.in_order()[0]), ElementsAre("a", "b", "both"));
  EXPECT_THAT(StartsOf(*families.in_order()[0]), ElementsAre(1, 2, 3));
}

TEST(FamiliesTest, OrdersSeriesThatHaveNoExtra) {
  Family family;
  family.metrics.metric.emplace_back().label = {{"l", "2"}};
  family.metrics.metric.emplace_back().label = {{"l", "1"}};
  Families families = {family};

  families.Sort();

  EXPECT_THAT(LabelValuesOf(*families.in_order()[0]), ElementsAre("1", "2"));
}

TEST(FamiliesTest, APageHasNothingOfTheOneBefore) {
  // Given a page with histograms, exemplars and many series
  const Exemplar exemplar = {.labels = {{"pid", "1"}}, .value = 1, .timestamp_seconds = 1};
  Histogram observed(kBounds, Histogram::Buckets::kClassicAndNative);
  observed.Observe(2);
  Families families;
  FamilyWriter::OfHistograms(families, "z", "Help.", 5)
      .Add(observed, {{"l", "1"}, {"m", "1"}})
      .WithBucketExemplar(1, exemplar)
      .Add(observed, {{"l", "2"}, {"m", "1"}});
  FamilyWriter::Counter(families, "b", "", 5).Add(1, {{"l", "1"}}).WithExemplar(exemplar);
  FamilyWriter::Gauge(families, "c", "").Add(1);
  FamilyWriter::Gauge(families, "c", "").Add(2, {{"l", "2"}});
  families.Sort();

  // When another one is written over it
  families.Clear();
  EXPECT_THAT(families.in_order(), IsEmpty());
  const Histogram empty(kBounds);
  FamilyWriter::OfHistograms(families, "y", "", 0).Add(empty, {{"n", "3"}});
  FamilyWriter::Counter(families, "b", "", 0).Add(2, {{"l", "1"}});
  FamilyWriter::Counter(families, "d", "", 0);
  families.Sort();

  // Then it is as if it were the first
  ASSERT_THAT(Names(families), ElementsAre("b", "d", "y"));
  const Family& counter = *families.in_order()[0];
  ASSERT_EQ(counter.metrics.metric.size(), 1U);
  EXPECT_EQ(counter.metrics.metric[0].counter.value, 2);
  EXPECT_FALSE(counter.extra[0].exemplar);
  EXPECT_THAT(StartsOf(counter), ElementsAre(0));
  EXPECT_THAT(families.in_order()[1]->metrics.metric, IsEmpty());
  EXPECT_THAT(families.in_order()[1]->extra, IsEmpty());
  const Family& histogram = *families.in_order()[2];
  EXPECT_EQ(histogram.metrics.help, "");
  ASSERT_EQ(histogram.metrics.metric.size(), 1U);
  EXPECT_THAT(histogram.metrics.metric[0].label,
              ElementsAre(prometheus::ClientMetric::Label{"n", "3"}));
  EXPECT_EQ(histogram.metrics.metric[0].histogram.sample_count, 0U);
  EXPECT_EQ(histogram.metrics.metric[0].histogram.bucket[1].cumulative_count, 0U);
  EXPECT_THAT(histogram.extra[0].bucket_exemplars, IsEmpty());
  EXPECT_FALSE(histogram.extra[0].native);
}

TEST(FamiliesTest, WriterOfTwoFamiliesMayTakeTurns) {
  Families families;
  {
    FamilyWriter durations = FamilyWriter::Gauge(families, "durations", "");
    FamilyWriter successes = FamilyWriter::Gauge(families, "successes", "");
    for (const char* collector : {"a", "b"}) {
      durations.Add(1, {{"collector", collector}});
      successes.Add(1, {{"collector", collector}});
      for (int i = 0; i < 10; ++i) FamilyWriter::Gauge(families, std::to_string(i), "").Add(i);
    }
  }
  families.Sort();
  EXPECT_THAT(LabelValuesOf(*families.in_order()[10]), ElementsAre("a", "b"));
  EXPECT_THAT(LabelValuesOf(*families.in_order()[11]), ElementsAre("a", "b"));
}

}  // namespace
}  // namespace cnproc
