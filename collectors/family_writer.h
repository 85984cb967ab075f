// SPDX-License-Identifier: Apache-2.0
// How collectors write families: one family at a time, series by series.
#ifndef CNPROC_COLLECTORS_FAMILY_WRITER_H_
#define CNPROC_COLLECTORS_FAMILY_WRITER_H_

#include <prometheus/metric_type.h>

#include <optional>
#include <string>

#include "collectors/family.h"
#include "collectors/histogram.h"

namespace cnproc {

// Appends one family to `families`, which must outlive the writer; write one after the other.
class FamilyWriter {
 public:
  // Counters and histograms began to count at `start_time_seconds` (Unix time).
  static FamilyWriter Counter(Families& families, std::string name, std::string help,
                              double start_time_seconds);
  static FamilyWriter Gauge(Families& families, std::string name, std::string help);
  static FamilyWriter OfHistograms(Families& families, std::string name, std::string help,
                                   double start_time_seconds);

  // How many series are to come: saves moving them about while they do.
  FamilyWriter& Reserve(size_t series);
  // A series that is younger than its family gives its own start.
  FamilyWriter& Add(double value, Labels labels = {},
                    std::optional<double> start_time_seconds = std::nullopt);
  FamilyWriter& Add(const Histogram& histogram, Labels labels = {},
                    std::optional<double> start_time_seconds = std::nullopt);
  // Of the series added last, a counter.
  FamilyWriter& WithExemplar(std::optional<Exemplar> exemplar);
  // Of the series added last, a histogram; by the bucket's index.
  FamilyWriter& WithBucketExemplar(size_t bucket, std::optional<Exemplar> exemplar);

 private:
  FamilyWriter(Families& families, std::string name, std::string help, prometheus::MetricType type,
               double start_time_seconds);
  prometheus::ClientMetric& NewSeries(Labels labels, std::optional<double> start_time_seconds);

  Family& family_;
  const double start_time_seconds_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_FAMILY_WRITER_H_
