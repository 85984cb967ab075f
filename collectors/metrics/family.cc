// SPDX-License-Identifier: Apache-2.0
#include "collectors/metrics/family.h"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <numeric>
#include <vector>

namespace cnproc {
namespace {

// As a.label < b.label, which would compare each name that is equal, as most are, twice.
bool LabelsBefore(const prometheus::ClientMetric& a, const prometheus::ClientMetric& b) {
  const size_t common = std::min(a.label.size(), b.label.size());
  for (size_t i = 0; i < common; ++i) {
    if (a.label[i].name != b.label[i].name) return a.label[i].name < b.label[i].name;
    const int order = a.label[i].value.compare(b.label[i].value);
    if (order != 0) return order < 0;
  }
  return a.label.size() < b.label.size();
}

class SeriesSorter {
 public:
  void Sort(Family& family) {
    auto& series = family.metrics.metric;
    if (std::is_sorted(series.begin(), series.end(), LabelsBefore)) return;
    MoveInto(OrderOf(series), family);
  }

 private:
  using Order = std::vector<size_t>;  // of the places of series

  const Order& OrderOf(const std::vector<prometheus::ClientMetric>& series) {
    const auto place_before = [&](size_t a, size_t b) {
      return LabelsBefore(series[a], series[b]);
    };
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
void MergeNamesakes(std::vector<Family*>& families) {
  size_t kept = 0;
  for (size_t i = 1; i < families.size(); ++i) {
    if (families[i]->metrics.name == families[kept]->metrics.name) {
      Merge(*families[i], *families[kept]);
    } else {
      families[++kept] = families[i];
    }
  }
  if (!families.empty()) families.resize(kept + 1);
}

}  // namespace

Families::Families(std::initializer_list<Family> families) {
  for (const Family& family : families) Append() = family;
}

Family& Families::Append() {
  const size_t place = in_order_.size();
  if (place == families_.size()) families_.emplace_back();
  in_order_.push_back(&families_[place]);
  return families_[place];
}

void Families::Sort() {
  std::stable_sort(in_order_.begin(), in_order_.end(), [](const Family* a, const Family* b) {
    return a->metrics.name < b->metrics.name;
  });
  MergeNamesakes(in_order_);
  SeriesSorter sorter;
  for (Family* family : in_order_) sorter.Sort(*family);
}

}  // namespace cnproc
