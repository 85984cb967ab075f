// SPDX-License-Identifier: Apache-2.0
#include "collectors/metrics/family_writer.h"

#include <limits>
#include <utility>

namespace cnproc {

FamilyWriter::FamilyWriter(Families& families, std::string_view name, std::string_view help,
                           prometheus::MetricType type, double start_time_seconds)
    : family_(families.Append()), start_time_seconds_(start_time_seconds) {
  family_.metrics.name = name;
  family_.metrics.help = help;
  family_.metrics.type = type;
}

FamilyWriter::~FamilyWriter() {
  family_.metrics.metric.resize(series_);
  family_.extra.resize(series_);
}

FamilyWriter FamilyWriter::Counter(Families& families, std::string_view name, std::string_view help,
                                   double start_time_seconds) {
  return {families, name, help, prometheus::MetricType::Counter, start_time_seconds};
}

FamilyWriter FamilyWriter::Gauge(Families& families, std::string_view name, std::string_view help) {
  return {families, name, help, prometheus::MetricType::Gauge, 0};
}

FamilyWriter FamilyWriter::OfHistograms(Families& families, std::string_view name,
                                        std::string_view help, double start_time_seconds) {
  return {families, name, help, prometheus::MetricType::Histogram, start_time_seconds};
}

prometheus::ClientMetric& FamilyWriter::NewSeries(LabelViews labels,
                                                  std::optional<double> start_time_seconds) {
  if (series_ == family_.metrics.metric.size()) family_.metrics.metric.emplace_back();
  prometheus::ClientMetric& series = family_.metrics.metric[series_];
  series.label.resize(labels.size());
  for (size_t i = 0; i < labels.size(); ++i) {
    series.label[i].name = labels[i].name;
    series.label[i].value = labels[i].value;
  }
  if (series_ == family_.extra.size()) family_.extra.emplace_back();
  SeriesExtra& extra = family_.extra[series_];
  extra.start_time_seconds = start_time_seconds.value_or(start_time_seconds_);
  extra.exemplar = {};
  extra.bucket_exemplars.clear();
  extra.native = {};
  ++series_;
  return series;
}

FamilyWriter& FamilyWriter::Reserve(size_t series) {
  family_.metrics.metric.reserve(series);
  family_.extra.reserve(series);
  return *this;
}

FamilyWriter& FamilyWriter::Add(double value, LabelViews labels,
                                std::optional<double> start_time_seconds) {
  prometheus::ClientMetric& series = NewSeries(labels, start_time_seconds);
  if (family_.metrics.type == prometheus::MetricType::Counter) {
    series.counter.value = value;
  } else {
    series.gauge.value = value;
  }
  return *this;
}

FamilyWriter& FamilyWriter::Add(const Histogram& histogram, LabelViews labels,
                                std::optional<double> start_time_seconds) {
  prometheus::ClientMetric::Histogram& data = NewSeries(labels, start_time_seconds).histogram;
  data.bucket.resize(histogram.counts().size());
  uint64_t cumulative = 0;
  for (size_t i = 0; i < data.bucket.size(); ++i) {
    cumulative += histogram.counts()[i];
    const bool last = i == histogram.bounds().size();
    data.bucket[i] = {
        .cumulative_count = cumulative,
        .upper_bound = last ? std::numeric_limits<double>::infinity() : histogram.bounds()[i]};
  }
  data.sample_count = cumulative;
  data.sample_sum = histogram.sum();
  if (histogram.native()) newest_extra().native = histogram.native()->Snapshot();
  return *this;
}

FamilyWriter& FamilyWriter::WithExemplar(std::optional<Exemplar> exemplar) {
  if (exemplar) newest_extra().exemplar = *std::move(exemplar);
  return *this;
}

FamilyWriter& FamilyWriter::WithBucketExemplar(size_t bucket, std::optional<Exemplar> exemplar) {
  if (exemplar) newest_extra().bucket_exemplars.emplace_back(bucket, *std::move(exemplar));
  return *this;
}

}  // namespace cnproc
