// SPDX-License-Identifier: Apache-2.0
#include "exporter/exposition/text.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string_view>
#include <vector>

#include "absl/base/macros.h"
#include "exporter/exposition/number.h"
#include "exporter/exposition/page_buffer.h"

namespace cnproc {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricType;

constexpr std::string_view kTotal = "_total";

// A page, or a string of it.
template <typename Out>
void AppendEscaped(Out& out, std::string_view text, bool quotes) {
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

std::string_view TypeName(MetricType type) {
  switch (type) {
    case MetricType::Counter:
      return "counter";
    case MetricType::Histogram:
      return "histogram";
    default:
      ABSL_ASSERT(type == MetricType::Gauge);
      return "gauge";
  }
}

// In OpenMetrics the suffix is that of the samples alone.
std::string_view FamilyName(const prometheus::MetricFamily& metrics, bool openmetrics) {
  std::string_view name = metrics.name;
  if (openmetrics && metrics.type == MetricType::Counter && name.ends_with(kTotal)) {
    name.remove_suffix(kTotal.size());
  }
  return name;
}

// The base unit that a family's name (in OpenMetrics, without _total) ends in; "" if it has none.
std::string_view Unit(std::string_view name) {
  for (const std::string_view unit : {"seconds", "bytes", "ratio"}) {
    if (name.ends_with(unit) && name.size() > unit.size() &&
        name[name.size() - unit.size() - 1] == '_') {
      return unit;
    }
  }
  return "";
}

// Writes families one after the other into one string.
class Writer {
 public:
  Writer(PageBuffer& out, const OpenMetricsOptions* openmetrics)
      : out_(out), openmetrics_(openmetrics) {}

  void Write(const Family& family);

 private:
  void WriteHead(const prometheus::MetricFamily& metrics);
  void WriteHeadLine(std::string_view keyword, std::string_view text);
  void WriteSeries(MetricType type, const ClientMetric& metric, const SeriesExtra* extra);
  void WriteHistogram(const ClientMetric::Histogram& histogram, const SeriesExtra* extra);
  void WriteCreated(const ClientMetric& metric, const SeriesExtra* extra);
  void WriteExemplar(const Exemplar& exemplar);

  void SetLabels(const Labels& labels);
  // name, suffix and labels of a sample, up to the space before its value.
  void BeginSample(std::string_view suffix, const Labels& labels);
  // The same for one of the many samples of a series, whose labels are labels_.
  void BeginSample(std::string_view suffix);
  // Of the samples of a series that differ in one label more: up to that label's value, once.
  void SetPrefix(std::string_view suffix, std::string_view label);
  void BeginPrefixedSample(std::string_view text);
  std::string_view BoundText(size_t bucket, double bound);

  PageBuffer& out_;
  const OpenMetricsOptions* const openmetrics_;  // nullptr: format 0.0.4
  std::string_view name_;                        // of the samples, without suffix
  std::string prefix_;                           // see SetPrefix
  std::string labels_;                           // of a series, without braces
  struct Bound {
    double bound = 0;
    NumberText text;
  };
  std::vector<Bound> bounds_;  // by bucket, as they were written last
};

template <typename Out>
void AppendLabels(Out& out, const Labels& labels) {
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
  name_ = FamilyName(metrics, openmetrics_ != nullptr);
  WriteHead(metrics);
  for (size_t i = 0; i < metrics.metric.size(); ++i) {
    WriteSeries(metrics.type, metrics.metric[i], family.extra.empty() ? nullptr : &family.extra[i]);
  }
}

void Writer::WriteHeadLine(std::string_view keyword, std::string_view text) {
  out_ += "# ";
  out_ += keyword;
  out_ += ' ';
  out_ += name_;
  out_ += ' ';
  AppendEscaped(out_, text, /*quotes=*/openmetrics_ != nullptr);
  out_ += '\n';
}

void Writer::WriteHead(const prometheus::MetricFamily& metrics) {
  if (!metrics.help.empty()) WriteHeadLine("HELP", metrics.help);
  WriteHeadLine("TYPE", TypeName(metrics.type));
  if (openmetrics_ == nullptr) return;
  if (const std::string_view unit = Unit(name_); !unit.empty()) WriteHeadLine("UNIT", unit);
}

void Writer::SetLabels(const Labels& labels) {
  labels_.clear();
  AppendLabels(labels_, labels);
}

void Writer::BeginSample(std::string_view suffix, const Labels& labels) {
  out_ += name_;
  out_ += suffix;
  if (!labels.empty()) {
    out_ += '{';
    AppendLabels(out_, labels);
    out_ += '}';
  }
  out_ += ' ';
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

void Writer::SetPrefix(std::string_view suffix, std::string_view label) {
  prefix_.assign(name_);
  prefix_ += suffix;
  prefix_ += '{';
  prefix_ += labels_;
  if (!labels_.empty()) prefix_ += ',';
  prefix_ += label;
  prefix_ += "=\"";
}

void Writer::BeginPrefixedSample(std::string_view text) {
  out_ += prefix_;
  out_ += text;
  out_ += "\"} ";
}

// The histograms of a family have the same bounds.
std::string_view Writer::BoundText(size_t bucket, double bound) {
  if (bucket >= bounds_.size()) bounds_.resize(bucket + 1);
  Bound& known = bounds_[bucket];
  if (known.text.size == 0 || known.bound != bound) known = {bound, FormatBucketBound(bound)};
  return known.text;
}

void Writer::WriteSeries(MetricType type, const ClientMetric& metric, const SeriesExtra* extra) {
  switch (type) {
    case MetricType::Histogram:
      SetLabels(metric.label);
      WriteHistogram(metric.histogram, extra);
      return WriteCreated(metric, extra);
    case MetricType::Counter:
      BeginSample(openmetrics_ != nullptr ? kTotal : "", metric.label);
      out_ += FormatNumber(metric.counter.value);
      if (extra != nullptr && extra->exemplar) WriteExemplar(*extra->exemplar);
      out_ += '\n';
      return WriteCreated(metric, extra);
    default:
      ABSL_ASSERT(type == MetricType::Gauge);
      BeginSample("", metric.label);
      out_ += FormatNumber(metric.gauge.value);
      out_ += '\n';
  }
}

void Writer::WriteHistogram(const ClientMetric::Histogram& histogram, const SeriesExtra* extra) {
  SetPrefix("_bucket", "le");
  const auto& buckets = histogram.bucket;
  for (size_t i = 0; i < buckets.size(); ++i) {
    BeginPrefixedSample(BoundText(i, buckets[i].upper_bound));
    out_ += FormatInteger(buckets[i].cumulative_count);
    if (extra != nullptr) {
      for (const auto& [index, exemplar] : extra->bucket_exemplars) {
        if (index == i) WriteExemplar(exemplar);
      }
    }
    out_ += '\n';
  }
  if (buckets.empty() || !std::isinf(buckets.back().upper_bound)) {
    BeginPrefixedSample(FormatBucketBound(HUGE_VAL));
    out_ += FormatInteger(histogram.sample_count);
    out_ += '\n';
  }
  BeginSample("_sum");
  out_ += FormatNumber(histogram.sample_sum);
  out_ += '\n';
  BeginSample("_count");
  out_ += FormatInteger(histogram.sample_count);
  out_ += '\n';
}

void Writer::WriteCreated(const ClientMetric& metric, const SeriesExtra* extra) {
  if (openmetrics_ == nullptr || !openmetrics_->created) return;
  if (extra == nullptr || extra->start_time_seconds == 0) return;
  BeginSample("_created", metric.label);
  out_ += FormatNumber(extra->start_time_seconds);
  out_ += '\n';
}

void Writer::WriteExemplar(const Exemplar& exemplar) {
  if (openmetrics_ == nullptr || !openmetrics_->exemplars) return;
  out_ += " # {";
  AppendLabels(out_, exemplar.labels);
  out_ += "} ";
  out_ += FormatNumber(exemplar.value);
  if (exemplar.timestamp_seconds == 0) return;
  out_ += ' ';
  out_ += FormatNumber(exemplar.timestamp_seconds);
}

// Growing a string of a megabyte step by step would copy it several times.
size_t ExpectedBytes(const Families& families) {
  constexpr size_t kSampleBytes = 80;
  size_t samples = 0;
  for (const Family* family : families.in_order()) {
    samples += 2;
    for (const ClientMetric& metric : family->metrics.metric) {
      samples += family->metrics.type == MetricType::Histogram ? metric.histogram.bucket.size() + 3
                                                               : size_t{1};
    }
  }
  return samples * kSampleBytes;
}

// Without _total some names stand elsewhere: cnproc_forks before cnproc_forks_per_second.
std::vector<const Family*> InOrderOfOpenMetrics(const Families& families) {
  std::vector<const Family*> ordered(families.in_order().begin(), families.in_order().end());
  std::stable_sort(ordered.begin(), ordered.end(), [](const Family* a, const Family* b) {
    return FamilyName(a->metrics, true) < FamilyName(b->metrics, true);
  });
  return ordered;
}

}  // namespace

std::string WriteText(const Families& families) {
  PageBuffer out(ExpectedBytes(families));
  Writer writer(out, /*openmetrics=*/nullptr);
  for (const Family* family : families.in_order()) writer.Write(*family);
  return out.Take();
}

std::string WriteOpenMetrics(const Families& families, const OpenMetricsOptions& options) {
  PageBuffer out(ExpectedBytes(families));
  Writer writer(out, &options);
  for (const Family* family : InOrderOfOpenMetrics(families)) writer.Write(*family);
  out += "# EOF\n";
  return out.Take();
}

}  // namespace cnproc
