// SPDX-License-Identifier: Apache-2.0
#include "exporter/exposition/text.h"

#include <cmath>
#include <cstddef>
#include <string_view>

#include "exporter/exposition/number.h"

namespace cnproc {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricType;

constexpr std::string_view kTotal = "_total";

void AppendEscaped(std::string& out, std::string_view text, bool quotes) {
  size_t begin = 0;  // of what needs no escape and is not yet written
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c != '\\' && c != '\n' && !(quotes && c == '"')) continue;
    out += text.substr(begin, i - begin);
    out += '\\';
    out += c == '\n' ? 'n' : c;
    begin = i + 1;
  }
  out += text.substr(begin);
}

std::string_view TypeName(MetricType type, bool openmetrics) {
  switch (type) {
    case MetricType::Counter:
      return "counter";
    case MetricType::Gauge:
      return "gauge";
    case MetricType::Summary:
      return "summary";
    case MetricType::Histogram:
      return "histogram";
    case MetricType::Untyped:
      break;
  }
  return openmetrics ? "unknown" : "untyped";
}

// Writes families one after the other into one string.
class Writer {
 public:
  Writer(std::string& out, const OpenMetricsOptions* openmetrics)
      : out_(out), openmetrics_(openmetrics) {}

  void Write(const Family& family);

 private:
  void WriteHead(const prometheus::MetricFamily& metrics);
  void WriteSeries(MetricType type, const ClientMetric& metric, const SeriesExtra* extra);
  void WriteHistogram(const ClientMetric::Histogram& histogram, const SeriesExtra* extra);
  void WriteSummary(const ClientMetric::Summary& summary);
  void WriteCreated(const SeriesExtra* extra);
  void WriteExemplar(const Exemplar& exemplar);

  // name, suffix and labels of a sample, up to the space before its value.
  void BeginSample(std::string_view suffix);
  void BeginSample(std::string_view suffix, std::string_view label, double bound);

  std::string& out_;
  const OpenMetricsOptions* const openmetrics_;  // nullptr: format 0.0.4
  std::string_view name_;                        // of the samples, without suffix
  std::string labels_;                           // of the series, without braces
};

void AppendLabels(std::string& out, const Labels& labels) {
  bool first = true;
  for (const auto& label : labels) {
    if (!first) out += ',';
    first = false;
    out += label.name;
    out += "=\"";
    AppendEscaped(out, label.value, /*quotes=*/true);
    out += '"';
  }
}

void Writer::Write(const Family& family) {
  const prometheus::MetricFamily& metrics = family.metrics;
  name_ = metrics.name;
  if (openmetrics_ != nullptr && metrics.type == MetricType::Counter && name_.ends_with(kTotal)) {
    name_.remove_suffix(kTotal.size());  // the family is called so, its samples carry the suffix
  }
  WriteHead(metrics);
  for (size_t i = 0; i < metrics.metric.size(); ++i) {
    labels_.clear();
    AppendLabels(labels_, metrics.metric[i].label);
    WriteSeries(metrics.type, metrics.metric[i], family.extra.empty() ? nullptr : &family.extra[i]);
  }
}

void Writer::WriteHead(const prometheus::MetricFamily& metrics) {
  if (!metrics.help.empty()) {
    out_ += "# HELP ";
    out_ += name_;
    out_ += ' ';
    AppendEscaped(out_, metrics.help, /*quotes=*/openmetrics_ != nullptr);
    out_ += '\n';
  }
  out_ += "# TYPE ";
  out_ += name_;
  out_ += ' ';
  out_ += TypeName(metrics.type, openmetrics_ != nullptr);
  out_ += '\n';
}

void Writer::BeginSample(std::string_view suffix) {
  out_ += name_;
  out_ += suffix;
  if (!labels_.empty()) {
    out_ += '{';
    out_ += labels_;
    out_ += '}';
  }
  out_ += ' ';
}

void Writer::BeginSample(std::string_view suffix, std::string_view label, double bound) {
  out_ += name_;
  out_ += suffix;
  out_ += '{';
  if (!labels_.empty()) {
    out_ += labels_;
    out_ += ',';
  }
  out_ += label;
  out_ += "=\"";
  AppendBucketBound(out_, bound);
  out_ += "\"} ";
}

void Writer::WriteSeries(MetricType type, const ClientMetric& metric, const SeriesExtra* extra) {
  double value = 0;
  switch (type) {
    case MetricType::Histogram:
      WriteHistogram(metric.histogram, extra);
      return WriteCreated(extra);
    case MetricType::Summary:
      WriteSummary(metric.summary);
      return WriteCreated(extra);
    case MetricType::Counter:
      BeginSample(openmetrics_ != nullptr ? kTotal : "");
      AppendNumber(out_, metric.counter.value);
      if (extra != nullptr && extra->exemplar) WriteExemplar(*extra->exemplar);
      out_ += '\n';
      return WriteCreated(extra);
    case MetricType::Gauge:
      value = metric.gauge.value;
      break;
    case MetricType::Untyped:
      value = metric.untyped.value;
      break;
  }
  BeginSample("");
  AppendNumber(out_, value);
  out_ += '\n';
}

void Writer::WriteHistogram(const ClientMetric::Histogram& histogram, const SeriesExtra* extra) {
  const auto& buckets = histogram.bucket;
  for (size_t i = 0; i < buckets.size(); ++i) {
    BeginSample("_bucket", "le", buckets[i].upper_bound);
    AppendInteger(out_, buckets[i].cumulative_count);
    if (extra != nullptr) {
      for (const auto& [index, exemplar] : extra->bucket_exemplars) {
        if (index == i) WriteExemplar(exemplar);
      }
    }
    out_ += '\n';
  }
  if (buckets.empty() || !std::isinf(buckets.back().upper_bound)) {
    BeginSample("_bucket", "le", HUGE_VAL);
    AppendInteger(out_, histogram.sample_count);
    out_ += '\n';
  }
  BeginSample("_sum");
  AppendNumber(out_, histogram.sample_sum);
  out_ += '\n';
  BeginSample("_count");
  AppendInteger(out_, histogram.sample_count);
  out_ += '\n';
}

void Writer::WriteSummary(const ClientMetric::Summary& summary) {
  for (const auto& quantile : summary.quantile) {
    BeginSample("", "quantile", quantile.quantile);
    AppendNumber(out_, quantile.value);
    out_ += '\n';
  }
  BeginSample("_sum");
  AppendNumber(out_, summary.sample_sum);
  out_ += '\n';
  BeginSample("_count");
  AppendInteger(out_, summary.sample_count);
  out_ += '\n';
}

void Writer::WriteCreated(const SeriesExtra* extra) {
  if (openmetrics_ == nullptr || !openmetrics_->created) return;
  if (extra == nullptr || extra->start_time_seconds == 0) return;
  BeginSample("_created");
  AppendNumber(out_, extra->start_time_seconds);
  out_ += '\n';
}

void Writer::WriteExemplar(const Exemplar& exemplar) {
  if (openmetrics_ == nullptr || !openmetrics_->exemplars) return;
  out_ += " # {";
  AppendLabels(out_, exemplar.labels);
  out_ += "} ";
  AppendNumber(out_, exemplar.value);
  if (exemplar.timestamp_seconds == 0) return;
  out_ += ' ';
  AppendNumber(out_, exemplar.timestamp_seconds);
}

// Growing a string of a megabyte step by step would copy it several times.
size_t ExpectedBytes(const Families& families) {
  constexpr size_t kSampleBytes = 96;
  size_t samples = 0;
  for (const Family& family : families) {
    samples += 2;
    for (const ClientMetric& metric : family.metrics.metric) {
      samples += family.metrics.type == MetricType::Histogram ? metric.histogram.bucket.size() + 3
                                                              : size_t{1};
    }
  }
  return samples * kSampleBytes;
}

}  // namespace

std::string WriteText(const Families& families) {
  std::string out;
  out.reserve(ExpectedBytes(families));
  Writer writer(out, /*openmetrics=*/nullptr);
  for (const Family& family : families) writer.Write(family);
  return out;
}

std::string WriteOpenMetrics(const Families& families, const OpenMetricsOptions& options) {
  std::string out;
  out.reserve(ExpectedBytes(families));
  Writer writer(out, &options);
  for (const Family& family : families) writer.Write(family);
  out += "# EOF\n";
  return out;
}

}  // namespace cnproc
