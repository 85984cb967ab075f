// SPDX-License-Identifier: Apache-2.0
// Short ways to write families in tests.
#ifndef CNPROC_TESTS_EXPORTER_FAMILIES_H_
#define CNPROC_TESTS_EXPORTER_FAMILIES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "collectors/metrics/family.h"

namespace cnproc {

inline Family MakeFamily(std::string name, std::string help, prometheus::MetricType type) {
  Family family;
  family.metrics = {std::move(name), std::move(help), type, {}};
  return family;
}
inline Family CounterFamily(std::string name, std::string help) {
  return MakeFamily(std::move(name), std::move(help), prometheus::MetricType::Counter);
}
inline Family GaugeFamily(std::string name, std::string help) {
  return MakeFamily(std::move(name), std::move(help), prometheus::MetricType::Gauge);
}
inline Family HistogramFamily(std::string name, std::string help) {
  return MakeFamily(std::move(name), std::move(help), prometheus::MetricType::Histogram);
}

inline prometheus::ClientMetric& AddSeries(Family& family, Labels labels) {
  prometheus::ClientMetric& metric = family.metrics.metric.emplace_back();
  metric.label = std::move(labels);
  return metric;
}
inline void AddCounter(Family& family, Labels labels, double value) {
  AddSeries(family, std::move(labels)).counter.value = value;
}
inline void AddGauge(Family& family, Labels labels, double value) {
  AddSeries(family, std::move(labels)).gauge.value = value;
}
// The last of the cumulative counts is the number of samples.
inline void AddHistogram(Family& family, Labels labels, const std::vector<double>& bounds,
                         const std::vector<uint64_t>& counts, double sum) {
  auto& histogram = AddSeries(family, std::move(labels)).histogram;
  for (size_t i = 0; i < bounds.size(); ++i) histogram.bucket.push_back({counts[i], bounds[i]});
  histogram.sample_count = counts.back();
  histogram.sample_sum = sum;
}

}  // namespace cnproc

#endif  // CNPROC_TESTS_EXPORTER_FAMILIES_H_
