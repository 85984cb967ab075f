// SPDX-License-Identifier: Apache-2.0
#include "collectors/family.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace cnproc {
namespace {

void SortSeries(Family& family) {
  auto& series = family.metrics.metric;
  const auto by_labels = [](const auto& a, const auto& b) { return a.label < b.label; };
  if (std::is_sorted(series.begin(), series.end(), by_labels)) return;
  if (family.extra.empty()) {
    std::sort(series.begin(), series.end(), by_labels);
    return;
  }
  // extra is parallel to the series: sort the places, then move both along.
  std::vector<size_t> order(series.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return by_labels(series[a], series[b]); });
  std::vector<prometheus::ClientMetric> sorted_series;
  std::vector<SeriesExtra> sorted_extra;
  sorted_series.reserve(order.size());
  sorted_extra.reserve(order.size());
  for (const size_t place : order) {
    sorted_series.push_back(std::move(series[place]));
    sorted_extra.push_back(std::move(family.extra[place]));
  }
  series = std::move(sorted_series);
  family.extra = std::move(sorted_extra);
}

}  // namespace

void SortFamilies(Families& families) {
  for (Family& family : families) SortSeries(family);
  const auto by_name = [](const Family& a, const Family& b) {
    return a.metrics.name < b.metrics.name;
  };
  if (!std::is_sorted(families.begin(), families.end(), by_name)) {
    std::sort(families.begin(), families.end(), by_name);
  }
}

}  // namespace cnproc
