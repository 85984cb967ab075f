// SPDX-License-Identifier: Apache-2.0
#include "collectors/family.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cnproc {
namespace {

using ::testing::ElementsAre;

void Add(Family& family, std::string value, double start) {
  family.metrics.metric.emplace_back().label = {{"l", std::move(value)}};
  family.extra.emplace_back().start_time_seconds = start;
}

TEST(SortFamilies, OrdersFamiliesByNameAndSeriesByLabels) {
  Family a;
  a.metrics.name = "a";
  Family b;
  b.metrics.name = "b";
  Add(b, "y", 2);
  Add(b, "x", 1);
  Add(b, "z", 3);
  Families families = {b, a};

  SortFamilies(families);

  EXPECT_EQ(families[0].metrics.name, "a");
  EXPECT_EQ(families[1].metrics.name, "b");
  std::vector<std::string> labels;
  std::vector<double> starts;
  for (const auto& metric : families[1].metrics.metric) labels.push_back(metric.label[0].value);
  for (const SeriesExtra& extra : families[1].extra) starts.push_back(extra.start_time_seconds);
  EXPECT_THAT(labels, ElementsAre("x", "y", "z"));
  EXPECT_THAT(starts, ElementsAre(1, 2, 3));
}

TEST(SortFamilies, MakesOneOfFamiliesWithOneName) {
  // Given two collectors that each give a part of a family, and one series both
  Family first;
  first.metrics.name = "f";
  Add(first, "b", 2);
  Add(first, "both", 3);
  Family between;
  between.metrics.name = "g";
  Family second;
  second.metrics.name = "f";
  Add(second, "both", 9);
  Add(second, "a", 1);
  Families families = {first, between, second};

  SortFamilies(families);

  ASSERT_EQ(families.size(), 2U);
  std::vector<std::string> labels;
  std::vector<double> starts;
  for (const auto& metric : families[0].metrics.metric) labels.push_back(metric.label[0].value);
  for (const SeriesExtra& extra : families[0].extra) starts.push_back(extra.start_time_seconds);
  EXPECT_THAT(labels, ElementsAre("a", "b", "both"));
  EXPECT_THAT(starts, ElementsAre(1, 2, 3));
  EXPECT_EQ(families[1].metrics.name, "g");
}

TEST(SortFamilies, OrdersSeriesThatHaveNoExtra) {
  Family a;
  a.metrics.metric.emplace_back().label = {{"l", "2"}};
  a.metrics.metric.emplace_back().label = {{"l", "1"}};
  Families families = {a};

  SortFamilies(families);

  EXPECT_EQ(families[0].metrics.metric[0].label[0].value, "1");
}

}  // namespace
}  // namespace cnproc
