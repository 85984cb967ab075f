// SPDX-License-Identifier: Apache-2.0
#include "exporter/exposition/protobuf.h"

#include <metrics.pb.h>  // generated from metrics.proto

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "exporter/exposition/page_buffer.h"

namespace cnproc {
namespace {

namespace proto = io::prometheus::client;
using prometheus::ClientMetric;
using prometheus::MetricType;

// Appends fields as protobuf's wire format has them. The generated messages would copy every label
// into objects of their own first, three times the work; of them only the numbers are used here.
class Encoder {
 public:
  explicit Encoder(PageBuffer& out) : out_(out) {}

  void Unsigned(int field, uint64_t value) {
    Tag(field, kVarint);
    Varint(value);
  }
  void Signed(int field, int64_t value) {  // sint32 and sint64: zigzag
    Unsigned(field, (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
  }
  void Double(int field, double value) {
    Tag(field, kFixed64);
    auto bits = std::bit_cast<uint64_t>(value);
    std::array<char, sizeof(bits)> bytes;
    for (char& byte : bytes) {
      byte = static_cast<char>(bits);
      bits >>= 8;
    }
    out_ += std::string_view(bytes.data(), bytes.size());
  }
  void String(int field, std::string_view text) {
    Tag(field, kLengthDelimited);
    Varint(text.size());
    out_ += text;
  }
  // The fields that `write` appends, as one message.
  template <typename Write>
  void Message(int field, const Write& write) {
    Tag(field, kLengthDelimited);
    Delimited(write);
  }
  // The same behind its length alone. Nearly all are so short that their length takes one byte; the
  // others are moved to make room.
  template <typename Write>
  void Delimited(const Write& write) {
    const size_t place = out_.size();
    out_ += '\0';
    write();
    size_t length = out_.size() - place - 1;
    size_t more = place;
    for (; length > kVarintMask; length >>= kVarintBits) {
      out_.Insert(more + 1, '\0');
      out_[more++] = static_cast<char>((length & kVarintMask) | kVarintContinues);
    }
    out_[more] = static_cast<char>(length);
  }

 private:
  static constexpr int kVarint = 0;
  static constexpr int kFixed64 = 1;
  static constexpr int kLengthDelimited = 2;
  static constexpr int kWireTypeBits = 3;
  static constexpr int kVarintBits = 7;
  static constexpr uint64_t kVarintMask = 0x7f;
  static constexpr uint64_t kVarintContinues = 0x80;

  void Tag(int field, int wire_type) {
    Varint(static_cast<uint64_t>(field) << kWireTypeBits | static_cast<uint64_t>(wire_type));
  }
  void Varint(uint64_t value) {
    for (; value > kVarintMask; value >>= kVarintBits) {
      out_ += static_cast<char>((value & kVarintMask) | kVarintContinues);
    }
    out_ += static_cast<char>(value);
  }

  PageBuffer& out_;
};

class Writer {
 public:
  Writer(PageBuffer& out, bool exemplars) : encoder_(out), exemplars_(exemplars) {}

  void Write(const Family& family);

 private:
  void WriteMetric(MetricType type, const ClientMetric& metric, const SeriesExtra& extra);
  void WriteLabels(int field, const Labels& labels);
  void WriteTimestamp(int field, double unix_seconds);
  void WriteExemplar(int field, const Exemplar& exemplar);
  void WriteCounter(double value, const SeriesExtra& extra);
  void WriteSummary(const ClientMetric::Summary& summary, const SeriesExtra& extra);
  void WriteHistogram(const ClientMetric::Histogram& histogram, const SeriesExtra& extra);
  void WriteNative(const NativeHistogram& native);

  Encoder encoder_;
  const bool exemplars_;
};

proto::MetricType ToProto(MetricType type) {
  switch (type) {
    case MetricType::Counter:
      return proto::COUNTER;
    case MetricType::Gauge:
      return proto::GAUGE;
    case MetricType::Summary:
      return proto::SUMMARY;
    case MetricType::Histogram:
      return proto::HISTOGRAM;
    case MetricType::Untyped:
      break;
  }
  return proto::UNTYPED;
}

void Writer::Write(const Family& family) {
  static const SeriesExtra kNoExtra;
  using Message = proto::MetricFamily;
  const prometheus::MetricFamily& metrics = family.metrics;
  encoder_.Delimited([&] {
    encoder_.String(Message::kNameFieldNumber, metrics.name);
    encoder_.String(Message::kHelpFieldNumber, metrics.help);
    encoder_.Unsigned(Message::kTypeFieldNumber, ToProto(metrics.type));
    for (size_t i = 0; i < metrics.metric.size(); ++i) {
      encoder_.Message(Message::kMetricFieldNumber, [&] {
        WriteMetric(metrics.type, metrics.metric[i],
                    family.extra.empty() ? kNoExtra : family.extra[i]);
      });
    }
  });
}

void Writer::WriteMetric(MetricType type, const ClientMetric& metric, const SeriesExtra& extra) {
  using Message = proto::Metric;
  WriteLabels(Message::kLabelFieldNumber, metric.label);
  switch (type) {
    case MetricType::Counter:
      return encoder_.Message(Message::kCounterFieldNumber,
                              [&] { WriteCounter(metric.counter.value, extra); });
    case MetricType::Gauge:
      return encoder_.Message(Message::kGaugeFieldNumber, [&] {
        encoder_.Double(proto::Gauge::kValueFieldNumber, metric.gauge.value);
      });
    case MetricType::Summary:
      return encoder_.Message(Message::kSummaryFieldNumber,
                              [&] { WriteSummary(metric.summary, extra); });
    case MetricType::Histogram:
      return encoder_.Message(Message::kHistogramFieldNumber,
                              [&] { WriteHistogram(metric.histogram, extra); });
    case MetricType::Untyped:
      return encoder_.Message(Message::kUntypedFieldNumber, [&] {
        encoder_.Double(proto::Untyped::kValueFieldNumber, metric.untyped.value);
      });
  }
}

void Writer::WriteLabels(int field, const Labels& labels) {
  for (const auto& label : labels) {
    encoder_.Message(field, [&] {
      encoder_.String(proto::LabelPair::kNameFieldNumber, label.name);
      encoder_.String(proto::LabelPair::kValueFieldNumber, label.value);
    });
  }
}

void Writer::WriteTimestamp(int field, double unix_seconds) {
  if (unix_seconds == 0) return;
  constexpr double kNanosPerSecond = 1e9;
  const double whole = std::floor(unix_seconds);
  encoder_.Message(field, [&] {
    encoder_.Unsigned(proto::Timestamp::kSecondsFieldNumber, static_cast<uint64_t>(whole));
    encoder_.Unsigned(proto::Timestamp::kNanosFieldNumber,
                      static_cast<uint64_t>((unix_seconds - whole) * kNanosPerSecond));
  });
}

void Writer::WriteExemplar(int field, const Exemplar& exemplar) {
  using Message = proto::Exemplar;
  encoder_.Message(field, [&] {
    WriteLabels(Message::kLabelFieldNumber, exemplar.labels);
    encoder_.Double(Message::kValueFieldNumber, exemplar.value);
    WriteTimestamp(Message::kTimestampFieldNumber, exemplar.timestamp_seconds);
  });
}

void Writer::WriteCounter(double value, const SeriesExtra& extra) {
  using Message = proto::Counter;
  encoder_.Double(Message::kValueFieldNumber, value);
  if (exemplars_ && extra.exemplar) {
    WriteExemplar(Message::kExemplarFieldNumber, *extra.exemplar);
  }
  WriteTimestamp(Message::kCreatedTimestampFieldNumber, extra.start_time_seconds);
}

void Writer::WriteSummary(const ClientMetric::Summary& summary, const SeriesExtra& extra) {
  using Message = proto::Summary;
  encoder_.Unsigned(Message::kSampleCountFieldNumber, summary.sample_count);
  encoder_.Double(Message::kSampleSumFieldNumber, summary.sample_sum);
  for (const auto& quantile : summary.quantile) {
    encoder_.Message(Message::kQuantileFieldNumber, [&] {
      encoder_.Double(proto::Quantile::kQuantileFieldNumber, quantile.quantile);
      encoder_.Double(proto::Quantile::kValueFieldNumber, quantile.value);
    });
  }
  WriteTimestamp(Message::kCreatedTimestampFieldNumber, extra.start_time_seconds);
}

void Writer::WriteHistogram(const ClientMetric::Histogram& histogram, const SeriesExtra& extra) {
  using Message = proto::Histogram;
  encoder_.Unsigned(Message::kSampleCountFieldNumber, histogram.sample_count);
  encoder_.Double(Message::kSampleSumFieldNumber, histogram.sample_sum);
  for (size_t i = 0; i < histogram.bucket.size(); ++i) {
    encoder_.Message(Message::kBucketFieldNumber, [&] {
      encoder_.Unsigned(proto::Bucket::kCumulativeCountFieldNumber,
                        histogram.bucket[i].cumulative_count);
      encoder_.Double(proto::Bucket::kUpperBoundFieldNumber, histogram.bucket[i].upper_bound);
      if (!exemplars_) return;
      for (const auto& [index, exemplar] : extra.bucket_exemplars) {
        if (index == i) WriteExemplar(proto::Bucket::kExemplarFieldNumber, exemplar);
      }
    });
  }
  if (extra.native) WriteNative(*extra.native);
  WriteTimestamp(Message::kCreatedTimestampFieldNumber, extra.start_time_seconds);
}

void Writer::WriteNative(const NativeHistogram& native) {
  using Message = proto::Histogram;
  encoder_.Signed(Message::kSchemaFieldNumber, native.schema);
  encoder_.Double(Message::kZeroThresholdFieldNumber, native.zero_threshold);
  encoder_.Unsigned(Message::kZeroCountFieldNumber, native.zero_count);
  for (const auto& span : native.positive_spans) {
    encoder_.Message(Message::kPositiveSpanFieldNumber, [&] {
      encoder_.Signed(proto::BucketSpan::kOffsetFieldNumber, span.offset);
      encoder_.Unsigned(proto::BucketSpan::kLengthFieldNumber, span.length);
    });
  }
  for (const int64_t delta : native.positive_deltas) {
    encoder_.Signed(Message::kPositiveDeltaFieldNumber, delta);
  }
}

// Growing a string of a megabyte step by step would copy it several times.
size_t ExpectedBytes(const Families& families) {
  constexpr size_t kSeriesBytes = 96;
  constexpr size_t kBucketBytes = 16;
  size_t bytes = 0;
  for (const Family* family : families.in_order()) {
    bytes += kSeriesBytes * (1 + family->metrics.metric.size());
    if (family->metrics.type != MetricType::Histogram) continue;
    for (const ClientMetric& metric : family->metrics.metric) {
      bytes += metric.histogram.bucket.size() * kBucketBytes;
    }
  }
  return bytes;
}

}  // namespace

std::string WriteProtobuf(const Families& families, bool exemplars) {
  PageBuffer page(ExpectedBytes(families));
  Writer writer(page, exemplars);
  for (const Family* family : families.in_order()) writer.Write(*family);
  return page.Take();
}

}  // namespace cnproc
