// SPDX-License-Identifier: Apache-2.0
// The numbers of the fields of io.prometheus.client, as far as an exporter writes them. They are
// published and never change (github.com/prometheus/client_model,
// io/prometheus/client/metrics.proto); the tests hold them against what protoc makes of
// tests/exporter/metrics.proto, and only tests need protobuf.
#ifndef CNPROC_EXPORTER_EXPOSITION_PROTOBUF_FIELDS_H_
#define CNPROC_EXPORTER_EXPOSITION_PROTOBUF_FIELDS_H_

namespace cnproc::field {

struct Timestamp {
  static constexpr int kSeconds = 1;
  static constexpr int kNanos = 2;
};

struct LabelPair {
  static constexpr int kName = 1;
  static constexpr int kValue = 2;
};

// Values of MetricFamily::kType, not fields.
struct MetricType {
  static constexpr int kCounter = 0;
  static constexpr int kGauge = 1;
  static constexpr int kHistogram = 4;
};

struct Exemplar {
  static constexpr int kLabel = 1;
  static constexpr int kValue = 2;
  static constexpr int kTimestamp = 3;
};

struct Gauge {
  static constexpr int kValue = 1;
};

struct Counter {
  static constexpr int kValue = 1;
  static constexpr int kExemplar = 2;
  static constexpr int kCreatedTimestamp = 3;
};

struct Bucket {
  static constexpr int kCumulativeCount = 1;
  static constexpr int kUpperBound = 2;
  static constexpr int kExemplar = 3;
};

struct BucketSpan {
  static constexpr int kOffset = 1;
  static constexpr int kLength = 2;
};

struct Histogram {
  static constexpr int kSampleCount = 1;
  static constexpr int kSampleSum = 2;
  static constexpr int kBucket = 3;
  static constexpr int kSchema = 5;
  static constexpr int kZeroThreshold = 6;
  static constexpr int kZeroCount = 7;
  static constexpr int kPositiveSpan = 12;
  static constexpr int kPositiveDelta = 13;
  static constexpr int kCreatedTimestamp = 15;
};

struct Metric {
  static constexpr int kLabel = 1;
  static constexpr int kGauge = 2;
  static constexpr int kCounter = 3;
  static constexpr int kHistogram = 7;
};

struct MetricFamily {
  static constexpr int kName = 1;
  static constexpr int kHelp = 2;
  static constexpr int kType = 3;
  static constexpr int kMetric = 4;
};

}  // namespace cnproc::field

#endif  // CNPROC_EXPORTER_EXPOSITION_PROTOBUF_FIELDS_H_
