// SPDX-License-Identifier: Apache-2.0
#include "collectors/family_writer.h"

#include <limits>
#include <utility>

namespace cnproc {

FamilyWriter::FamilyWriter(Families& families, std::string name, std::string help,
                           prometheus::MetricType type, double start_time_seconds)
    : family_(families.emplace_back()), start_time_seconds_(start_time_seconds) {
  family_.metrics.name = std::move(name);
  family_.metrics.help = std::move(help);
  family_.metrics.type = type;
}

FamilyWriter FamilyWriter::Counter(Families& families, std::string name, std::string help,
                                   double start_time_seconds) {
  return {families, std::move(name), std::move(help), prometheus::MetricType::Counter,
          start_time_seconds};
}

FamilyWriter FamilyWriter::Gauge(Families& families, std::string name, std::string help) {
  return {families, std::move(name), std::move(help), prometheus::MetricType::Gauge, 0};
}

FamilyWriter FamilyWriter::OfHistograms(Families& families, std::string name, std::string help,
                                        double start_time_seconds) {
  return {families, std::move(name), std::move(help), prometheus::MetricType::Histogram,
          start_time_seconds};
}

prometheus::ClientMetric& FamilyWriter::NewSeries(Labels labels,
                                                  std::optional<double> start_time_seconds) {
  family_.extra.emplace_back().start_time_seconds =
      start_time_seconds.value_or(start_time_seconds_);
  prometheus::ClientMetric& series = family_.metrics.metric.emplace_back();
  series.label = std::move(labels);
  return series;
}

FamilyWriter& FamilyWriter::Reserve(size_t series) {
  family_.metrics.metric.reserve(series);
  family_.extra.reserve(series);
  return *this;
}

FamilyWriter& FamilyWriter::Add(double value, Labels labels,
                                std::optional<double> start_time_seconds) {
  prometheus::ClientMetric& series = NewSeries(std::move(labels), start_time_seconds);
  if (family_.metrics.type == prometheus::MetricType::Counter) {
    series.counter.value = value;
  } else {
    series.gauge.value = value;
  }
  return *this;
}

FamilyWriter& FamilyWriter::Add(const Histogram& histogram, Labels labels,
                                std::optional<double> start_time_seconds) {
  prometheus::ClientMetric::Histogram& data =
      NewSeries(std::move(labels), start_time_seconds).histogram;
  data.bucket.reserve(histogram.counts().size());
  uint64_t cumulative = 0;
  for (size_t i = 0; i < histogram.counts().size(); ++i) {
    cumulative += histogram.counts()[i];
    const bool last = i == histogram.bounds().size();
    data.bucket.push_back(
        {.cumulative_count = cumulative,
         .upper_bound = last ? std::numeric_limits<double>::infinity() : histogram.bounds()[i]});
  }
  data.sample_count = cumulative;
  data.sample_sum = histogram.sum();
  if (histogram.native()) family_.extra.back().native = histogram.native()->Snapshot();
  return *this;
}

FamilyWriter& FamilyWriter::WithExemplar(std::optional<Exemplar> exemplar) {
  if (exemplar) family_.extra.back().exemplar = *std::move(exemplar);
  return *this;
}

FamilyWriter& FamilyWriter::WithBucketExemplar(size_t bucket, std::optional<Exemplar> exemplar) {
  if (exemplar) family_.extra.back().bucket_exemplars.emplace_back(bucket, *std::move(exemplar));
  return *this;
}

}  // namespace cnproc
