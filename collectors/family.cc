// SPDX-License-Identifier: Apache-2.0
#include "collectors/family.h"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <numeric>
#include <vector>

namespace cnproc {
namespace {

// Whether every series has the same label names, as those of one collector do. Then their values
// alone tell their order, at half the cost.
bool HasOneShape(const std::vector<prometheus::ClientMetric>& series) {
  const auto same_names = [&first = series.front().label](const prometheus::ClientMetric& metric) {
    return std::equal(metric.label.begin(), metric.label.end(), first.begin(), first.end(),
                      [](const auto& a, const auto& b) { return a.name == b.name; });
  };
  return std::all_of(series.begin() + 1, series.end(), same_names);
}

bool ValuesBefore(const prometheus::ClientMetric& a, const prometheus::ClientMetric& b) {
  for (size_t i = 0; i < a.label.size(); ++i) {
    const int order = a.label[i].value.compare(b.label[i].value);
    if (order != 0) return order < 0;
  }
  return false;
}

bool LabelsBefore(const prometheus::ClientMetric& a, const prometheus::ClientMetric& b) {
  return a.label < b.label;
}

class SeriesSorter {
 public:
  void Sort(Family& family) {
    auto& series = family.metrics.metric;
    if (series.empty()) return;
    const auto before = HasOneShape(series) ? ValuesBefore : LabelsBefore;
    if (std::is_sorted(series.begin(), series.end(), before)) return;
    MoveInto(OrderOf(series, before), family);
  }

 private:
  using Order = std::vector<size_t>;  // of the places of series

  template <typename Before>
  const Order& OrderOf(const std::vector<prometheus::ClientMetric>& series, Before before) {
    const auto place_before = [&](size_t a, size_t b) { return before(series[a], series[b]); };
    for (const Order& order : orders_) {
      if (order.size() == series.size() &&
          std::is_sorted(order.begin(), order.end(), place_before)) {
        return order;
      }
    }
    Order& order = orders_.emplace_back(series.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(), place_before);
    return order;
  }

  // extra is parallel to the series: both move along.
  static void MoveInto(const Order& order, Family& family) {
    std::vector<prometheus::ClientMetric> sorted_series;
    std::vector<SeriesExtra> sorted_extra;
    sorted_series.reserve(order.size());
    sorted_extra.reserve(family.extra.size());
    for (const size_t place : order) {
      sorted_series.push_back(std::move(family.metrics.metric[place]));
      if (!family.extra.empty()) sorted_extra.push_back(std::move(family.extra[place]));
    }
    family.metrics.metric = std::move(sorted_series);
    family.extra = std::move(sorted_extra);
  }

  // A collector's families list the same values in the same order: what sorts one sorts most of the
  // others, and to see that costs less than to sort again. A deque, so that they stay in place.
  std::deque<Order> orders_;
};

// Moves the series of `from` that `into` does not have behind its own.
void Merge(Family& from, Family& into) {
  auto& series = into.metrics.metric;
  for (size_t i = 0; i < from.metrics.metric.size(); ++i) {
    prometheus::ClientMetric& metric = from.metrics.metric[i];
    const bool known = std::any_of(series.begin(), series.end(), [&metric](const auto& other) {
      return other.label == metric.label;
    });
    if (known) continue;
    series.push_back(std::move(metric));
    if (!from.extra.empty()) into.extra.push_back(std::move(from.extra[i]));
  }
}

// Expects families to be sorted.
void MergeNamesakes(Families& families) {
  size_t kept = 0;
  for (size_t i = 1; i < families.size(); ++i) {
    if (families[i].metrics.name == families[kept].metrics.name) {
      Merge(families[i], families[kept]);
    } else if (++kept != i) {
      families[kept] = std::move(families[i]);
    }
  }
  if (!families.empty()) families.resize(kept + 1);
}

}  // namespace

void SortFamilies(Families& families) {
  const auto by_name = [](const Family& a, const Family& b) {
    return a.metrics.name < b.metrics.name;
  };
  if (!std::is_sorted(families.begin(), families.end(), by_name)) {
    std::stable_sort(families.begin(), families.end(), by_name);
  }
  MergeNamesakes(families);
  SeriesSorter sorter;
  for (Family& family : families) sorter.Sort(family);
}

}  // namespace cnproc
