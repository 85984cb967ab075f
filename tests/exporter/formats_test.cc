// SPDX-License-Identifier: Apache-2.0
// Whatever format a scraper takes, it gets the same numbers.
#include <google/protobuf/io/coded_stream.h>
#include <gtest/gtest.h>
#include <metrics.pb.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <map>
#include <sstream>
#include <string>

#include "exporter/exposition/number.h"
#include "exporter/exposition/protobuf.h"
#include "exporter/exposition/text.h"
#include "tests/exporter/families.h"

namespace cnproc {
namespace {

namespace proto = io::prometheus::client;

// From name and labels, as the text format writes them, to the value.
using Samples = std::map<std::string, double>;

Samples FromText(const std::string& page) {
  Samples samples;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) continue;
    line = line.substr(0, line.find(" # {"));
    const size_t space = line.rfind(' ');
    EXPECT_TRUE(
        samples.emplace(line.substr(0, space), std::strtod(line.c_str() + space, nullptr)).second)
        << line;
  }
  return samples;
}

std::string Series(const std::string& name, const proto::Metric& metric, const std::string& le) {
  std::string labels;
  for (const auto& label : metric.label()) {
    labels += (labels.empty() ? "" : ",") + label.name() + "=\"" + label.value() + "\"";
  }
  if (!le.empty()) labels += (labels.empty() ? "" : ",") + ("le=\"" + le + "\"");
  return labels.empty() ? name : name + "{" + labels + "}";
}

void AddHistogram(const std::string& name, const proto::Metric& metric, Samples& samples) {
  for (const auto& bucket : metric.histogram().bucket()) {
    const std::string le(FormatBucketBound(bucket.upper_bound()));
    samples[Series(name + "_bucket", metric, le)] = static_cast<double>(bucket.cumulative_count());
  }
  samples[Series(name + "_sum", metric, "")] = metric.histogram().sample_sum();
  samples[Series(name + "_count", metric, "")] =
      static_cast<double>(metric.histogram().sample_count());
}

Samples FromProtobuf(const std::string& page) {
  google::protobuf::io::CodedInputStream stream(reinterpret_cast<const uint8_t*>(page.data()),
                                                static_cast<int>(page.size()));
  Samples samples;
  uint32_t length = 0;
  while (stream.ReadVarint32(&length)) {
    std::string bytes;
    proto::MetricFamily family;
    EXPECT_TRUE(stream.ReadString(&bytes, static_cast<int>(length)));
    EXPECT_TRUE(family.ParseFromString(bytes));
    for (const proto::Metric& metric : family.metric()) {
      if (metric.has_histogram()) {
        AddHistogram(family.name(), metric, samples);
      } else {
        samples[Series(family.name(), metric, "")] =
            metric.has_counter() ? metric.counter().value() : metric.gauge().value();
      }
    }
  }
  return samples;
}

TEST(Formats, CarryTheSameNumbers) {
  Family counter = CounterFamily("cnproc_forks_total", "Forks.");
  AddCounter(counter, {{"kind", "process"}}, 123456789);
  AddCounter(counter, {{"kind", "thread"}}, 0.1 + 0.2);
  AddCounter(counter, {}, std::ldexp(1, 60));
  counter.extra.resize(3);
  counter.extra[1].exemplar = Exemplar{{{"pid", "1"}}, 1, 2};
  Family gauge = GaugeFamily("cnproc_processes", "Alive.");
  AddGauge(gauge, {}, -1.5e-300);
  AddGauge(gauge, {{"a", "b"}}, std::numeric_limits<double>::infinity());
  Family histogram = HistogramFamily("cnproc_event_delay_seconds", "Delay.");
  AddHistogram(histogram, {{"x", "y"}},
               {0.001, 1, 68719476736, std::numeric_limits<double>::infinity()},
               {1, 5, 1000000, 123456789012}, 0.7);
  histogram.extra.resize(1);
  histogram.extra[0].native = NativeHistogram{.schema = 3,
                                              .zero_threshold = 1e-9,
                                              .zero_count = 1,
                                              .positive_spans = {{0, 1}},
                                              .positive_deltas = {4}};
  const Families families = {counter, histogram, gauge};

  const Samples text = FromText(WriteText(families));
  EXPECT_EQ(text.size(), 3U + 6U + 2U);
  EXPECT_EQ(FromText(WriteOpenMetrics(families, {})), text);
  EXPECT_EQ(FromProtobuf(WriteProtobuf(families, true)), text);
}

}  // namespace
}  // namespace cnproc
