// SPDX-License-Identifier: Apache-2.0
// How collectors write families: one family at a time, series by series.
#ifndef CNPROC_COLLECTORS_METRICS_FAMILY_WRITER_H_
#define CNPROC_COLLECTORS_METRICS_FAMILY_WRITER_H_

#include <prometheus/metric_type.h>

#include <concepts>
#include <cstddef>
#include <optional>
#include <string_view>

#include "absl/types/span.h"
#include "collectors/metrics/family.h"
#include "collectors/metrics/histogram.h"

namespace cnproc {

struct LabelView {
  std::string_view name;
  std::string_view value;
};
using LabelViews = absl::Span<const LabelView>;

// Appends one family to `families`, which must outlive the writer. Complete once the writer ends.
class FamilyWriter {
 public:
  // Counters and histograms began to count at `start_time_seconds` (Unix time).
  static FamilyWriter Counter(Families& families, std::string_view name, std::string_view help,
                              double start_time_seconds);
  static FamilyWriter Gauge(Families& families, std::string_view name, std::string_view help);
  static FamilyWriter OfHistograms(Families& families, std::string_view name, std::string_view help,
                                   double start_time_seconds);
  ~FamilyWriter();
  FamilyWriter(const FamilyWriter&) = delete;
  FamilyWriter& operator=(const FamilyWriter&) = delete;

  // How many series are to come: saves moving them about while they do.
  FamilyWriter& Reserve(size_t series);
  // A series that is younger than its family gives its own start.
  FamilyWriter& Add(double value, LabelViews labels = {},
                    std::optional<double> start_time_seconds = std::nullopt);
  // Exact up to 2^53, as all that Prometheus stores.
  template <std::integral Integer>
  FamilyWriter& Add(Integer value, LabelViews labels = {},
                    std::optional<double> start_time_seconds = std::nullopt) {
    return Add(static_cast<double>(value), labels, start_time_seconds);
  }
  FamilyWriter& Add(const Histogram& histogram, LabelViews labels = {},
                    std::optional<double> start_time_seconds = std::nullopt);
  // Of the series added last, a counter.
  FamilyWriter& WithExemplar(std::optional<Exemplar> exemplar);
  // Of the series added last, a histogram; by the bucket's index.
  FamilyWriter& WithBucketExemplar(size_t bucket, std::optional<Exemplar> exemplar);

 private:
  FamilyWriter(Families& families, std::string_view name, std::string_view help,
               prometheus::MetricType type, double start_time_seconds);
  prometheus::ClientMetric& NewSeries(LabelViews labels, std::optional<double> start_time_seconds);
  SeriesExtra& newest_extra() { return family_.extra[series_ - 1]; }

  Family& family_;
  const double start_time_seconds_;
  size_t series_ = 0;  // written; what the family has beyond them is of an earlier page
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_METRICS_FAMILY_WRITER_H_
