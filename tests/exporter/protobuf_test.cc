// SPDX-License-Identifier: Apache-2.0
// Pages are read back with the messages that protoc makes of metrics.proto.
#include "exporter/exposition/protobuf.h"

#include <gmock/gmock.h>
#include <google/protobuf/io/coded_stream.h>
#include <gtest/gtest.h>
#include <metrics.pb.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "exporter/exposition/protobuf_fields.h"
#include "tests/exporter/families.h"

namespace cnproc {
namespace {

namespace proto = io::prometheus::client;
using ::testing::ElementsAre;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Every message of the page; nullopt if it is not a row of whole ones.
std::optional<std::vector<proto::MetricFamily>> Parse(const std::string& page) {
  google::protobuf::io::CodedInputStream stream(reinterpret_cast<const uint8_t*>(page.data()),
                                                static_cast<int>(page.size()));
  std::vector<proto::MetricFamily> families;
  uint32_t length = 0;
  while (stream.ReadVarint32(&length)) {
    std::string bytes;
    if (!stream.ReadString(&bytes, static_cast<int>(length))) return std::nullopt;
    if (!families.emplace_back().ParseFromString(bytes)) return std::nullopt;
    if (!families.back().unknown_fields().empty()) return std::nullopt;
  }
  if (stream.CurrentPosition() != static_cast<int>(page.size())) return std::nullopt;
  return families;
}

TEST(WriteProtobuf, WritesCountersWithStartAndExemplar) {
  Family family = CounterFamily("c_total", "C.");
  AddCounter(family, {{"l", "v\"\n"}, {"m", ""}}, 4.5);
  AddCounter(family, {}, 1e300);
  family.extra.resize(2);
  family.extra[0].start_time_seconds = 1700000000.25;
  family.extra[0].exemplar = Exemplar{{{"pid", "7"}}, 1, 1700000001.5};

  const auto families = Parse(WriteProtobuf({family}, /*exemplars=*/true));
  ASSERT_TRUE(families.has_value());
  ASSERT_EQ(families->size(), 1U);
  const proto::MetricFamily& read = families->front();
  EXPECT_EQ(read.name(), "c_total");
  EXPECT_EQ(read.help(), "C.");
  EXPECT_EQ(read.type(), proto::COUNTER);
  ASSERT_EQ(read.metric_size(), 2);
  const proto::Metric& first = read.metric(0);
  ASSERT_EQ(first.label_size(), 2);
  EXPECT_EQ(first.label(0).name(), "l");
  EXPECT_EQ(first.label(0).value(), "v\"\n");
  EXPECT_EQ(first.label(1).value(), "");
  EXPECT_EQ(first.counter().value(), 4.5);
  EXPECT_EQ(first.counter().created_timestamp().seconds(), 1700000000);
  EXPECT_EQ(first.counter().created_timestamp().nanos(), 250000000);
  EXPECT_EQ(first.counter().exemplar().label(0).value(), "7");
  EXPECT_EQ(first.counter().exemplar().value(), 1);
  EXPECT_EQ(first.counter().exemplar().timestamp().nanos(), 500000000);
  EXPECT_EQ(read.metric(1).counter().value(), 1e300);
  EXPECT_FALSE(read.metric(1).counter().has_created_timestamp());
}

TEST(WriteProtobuf, WritesGauges) {
  Family gauge = GaugeFamily("g", "G.");
  AddGauge(gauge, {}, -kInfinity);

  const auto families = Parse(WriteProtobuf({gauge}, true));
  ASSERT_TRUE(families.has_value());
  ASSERT_EQ(families->size(), 1U);
  EXPECT_EQ((*families)[0].type(), proto::GAUGE);
  EXPECT_EQ((*families)[0].metric(0).gauge().value(), -kInfinity);
}

TEST(WriteProtobuf, WritesClassicAndNativeBucketsSideBySide) {
  Family family = HistogramFamily("h", "H.");
  AddHistogram(family, {}, {0.5, 1, kInfinity}, {1, 300, 70000}, 9.5);
  family.extra.resize(1);
  family.extra[0].start_time_seconds = 12;
  family.extra[0].bucket_exemplars = {{1, Exemplar{{{"pid", "8"}}, 0.75, 0}}};
  family.extra[0].native = NativeHistogram{.schema = -1,
                                           .zero_threshold = 1e-9,
                                           .zero_count = 2,
                                           .positive_spans = {{-3, 2}, {4, 1}},
                                           .positive_deltas = {5, -4, 100000}};

  const auto families = Parse(WriteProtobuf({family}, true));
  ASSERT_TRUE(families.has_value());
  const proto::Histogram& read = families->front().metric(0).histogram();
  EXPECT_EQ(read.sample_count(), 70000U);
  EXPECT_EQ(read.sample_sum(), 9.5);
  ASSERT_EQ(read.bucket_size(), 3);
  EXPECT_EQ(read.bucket(1).cumulative_count(), 300U);
  EXPECT_EQ(read.bucket(1).upper_bound(), 1);
  EXPECT_EQ(read.bucket(1).exemplar().label(0).value(), "8");
  EXPECT_FALSE(read.bucket(0).has_exemplar());
  EXPECT_EQ(read.bucket(2).upper_bound(), kInfinity);
  EXPECT_EQ(read.schema(), -1);
  EXPECT_EQ(read.zero_threshold(), 1e-9);
  EXPECT_EQ(read.zero_count(), 2U);
  ASSERT_EQ(read.positive_span_size(), 2);
  EXPECT_EQ(read.positive_span(0).offset(), -3);
  EXPECT_EQ(read.positive_span(0).length(), 2U);
  EXPECT_EQ(read.positive_span(1).offset(), 4);
  EXPECT_THAT(read.positive_delta(), ElementsAre(5, -4, 100000));
  EXPECT_EQ(read.created_timestamp().seconds(), 12);
}

TEST(WriteProtobuf, LeavesExemplarsOutWhenTold) {
  Family counter = CounterFamily("c_total", "C.");
  AddCounter(counter, {}, 4);
  counter.extra.resize(1);
  counter.extra[0].exemplar = Exemplar{{{"pid", "7"}}, 1, 5};
  Family histogram = HistogramFamily("h", "H.");
  AddHistogram(histogram, {}, {1, kInfinity}, {1, 2}, 3);
  histogram.extra.resize(1);
  histogram.extra[0].bucket_exemplars = {{0, Exemplar{{{"pid", "8"}}, 0.5, 0}}};

  const auto families = Parse(WriteProtobuf({counter, histogram}, /*exemplars=*/false));
  ASSERT_TRUE(families.has_value());
  EXPECT_FALSE((*families)[0].metric(0).counter().has_exemplar());
  EXPECT_FALSE((*families)[1].metric(0).histogram().bucket(0).has_exemplar());
}

// Lengths of one, two, three and four bytes.
TEST(WriteProtobuf, WritesLengthsOfEverySize) {
  for (const size_t size : {0, 100, 127, 128, 129, 16000, 16383, 16384, 3000000}) {
    const std::string value(size, 'x');
    Family family = GaugeFamily("g", "");
    AddGauge(family, {{"l", value}}, 1);
    AddGauge(family, {{"l", "after"}}, 2);

    const auto families = Parse(WriteProtobuf({family, family}, true));
    ASSERT_TRUE(families.has_value()) << size;
    ASSERT_EQ(families->size(), 2U);
    EXPECT_EQ((*families)[1].metric(0).label(0).value(), value);
    EXPECT_EQ((*families)[1].metric(1).gauge().value(), 2);
  }
}

// The writer's numbers are those that protoc reads.
TEST(MetricsProto, HasTheNumbersOfTheWriter) {
  EXPECT_EQ(field::Timestamp::kSeconds, proto::Timestamp::kSecondsFieldNumber);
  EXPECT_EQ(field::Timestamp::kNanos, proto::Timestamp::kNanosFieldNumber);
  EXPECT_EQ(field::LabelPair::kName, proto::LabelPair::kNameFieldNumber);
  EXPECT_EQ(field::LabelPair::kValue, proto::LabelPair::kValueFieldNumber);
  EXPECT_EQ(field::Exemplar::kLabel, proto::Exemplar::kLabelFieldNumber);
  EXPECT_EQ(field::Exemplar::kValue, proto::Exemplar::kValueFieldNumber);
  EXPECT_EQ(field::Exemplar::kTimestamp, proto::Exemplar::kTimestampFieldNumber);
  EXPECT_EQ(field::Gauge::kValue, proto::Gauge::kValueFieldNumber);
  EXPECT_EQ(field::Counter::kValue, proto::Counter::kValueFieldNumber);
  EXPECT_EQ(field::Counter::kExemplar, proto::Counter::kExemplarFieldNumber);
  EXPECT_EQ(field::Counter::kCreatedTimestamp, proto::Counter::kCreatedTimestampFieldNumber);
  EXPECT_EQ(field::Bucket::kCumulativeCount, proto::Bucket::kCumulativeCountFieldNumber);
  EXPECT_EQ(field::Bucket::kUpperBound, proto::Bucket::kUpperBoundFieldNumber);
  EXPECT_EQ(field::Bucket::kExemplar, proto::Bucket::kExemplarFieldNumber);
  EXPECT_EQ(field::BucketSpan::kOffset, proto::BucketSpan::kOffsetFieldNumber);
  EXPECT_EQ(field::BucketSpan::kLength, proto::BucketSpan::kLengthFieldNumber);
  EXPECT_EQ(field::Histogram::kSampleCount, proto::Histogram::kSampleCountFieldNumber);
  EXPECT_EQ(field::Histogram::kSampleSum, proto::Histogram::kSampleSumFieldNumber);
  EXPECT_EQ(field::Histogram::kBucket, proto::Histogram::kBucketFieldNumber);
  EXPECT_EQ(field::Histogram::kSchema, proto::Histogram::kSchemaFieldNumber);
  EXPECT_EQ(field::Histogram::kZeroThreshold, proto::Histogram::kZeroThresholdFieldNumber);
  EXPECT_EQ(field::Histogram::kZeroCount, proto::Histogram::kZeroCountFieldNumber);
  EXPECT_EQ(field::Histogram::kPositiveSpan, proto::Histogram::kPositiveSpanFieldNumber);
  EXPECT_EQ(field::Histogram::kPositiveDelta, proto::Histogram::kPositiveDeltaFieldNumber);
  EXPECT_EQ(field::Histogram::kCreatedTimestamp, proto::Histogram::kCreatedTimestampFieldNumber);
  EXPECT_EQ(field::Metric::kLabel, proto::Metric::kLabelFieldNumber);
  EXPECT_EQ(field::Metric::kGauge, proto::Metric::kGaugeFieldNumber);
  EXPECT_EQ(field::Metric::kCounter, proto::Metric::kCounterFieldNumber);
  EXPECT_EQ(field::Metric::kHistogram, proto::Metric::kHistogramFieldNumber);
  EXPECT_EQ(field::MetricFamily::kName, proto::MetricFamily::kNameFieldNumber);
  EXPECT_EQ(field::MetricFamily::kHelp, proto::MetricFamily::kHelpFieldNumber);
  EXPECT_EQ(field::MetricFamily::kType, proto::MetricFamily::kTypeFieldNumber);
  EXPECT_EQ(field::MetricFamily::kMetric, proto::MetricFamily::kMetricFieldNumber);
  EXPECT_EQ(field::MetricType::kCounter, proto::COUNTER);
  EXPECT_EQ(field::MetricType::kGauge, proto::GAUGE);
  EXPECT_EQ(field::MetricType::kHistogram, proto::HISTOGRAM);
}

// The numbers that Prometheus publishes and never changes.
TEST(MetricsProto, HasThePublishedNumbers) {
  EXPECT_EQ(proto::MetricFamily::kMetricFieldNumber, 4);
  EXPECT_EQ(proto::Metric::kGaugeFieldNumber, 2);
  EXPECT_EQ(proto::Metric::kCounterFieldNumber, 3);
  EXPECT_EQ(proto::Metric::kHistogramFieldNumber, 7);
  EXPECT_EQ(proto::Counter::kCreatedTimestampFieldNumber, 3);
  EXPECT_EQ(proto::Histogram::kSchemaFieldNumber, 5);
  EXPECT_EQ(proto::Histogram::kZeroThresholdFieldNumber, 6);
  EXPECT_EQ(proto::Histogram::kZeroCountFieldNumber, 7);
  EXPECT_EQ(proto::Histogram::kPositiveSpanFieldNumber, 12);
  EXPECT_EQ(proto::Histogram::kPositiveDeltaFieldNumber, 13);
  EXPECT_EQ(proto::Histogram::kCreatedTimestampFieldNumber, 15);
}

}  // namespace
}  // namespace cnproc
