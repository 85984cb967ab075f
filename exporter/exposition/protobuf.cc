// SPDX-License-Identifier: Apache-2.0
#include "exporter/exposition/protobuf.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/base/macros.h"
#include "exporter/exposition/page_buffer.h"
#include "exporter/exposition/protobuf_fields.h"

namespace cnproc {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricType;

// Appends fields as protobuf's wire format has them. Generated messages would copy every label into
// objects of their own first, three times the work.
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
  void WriteHistogram(const ClientMetric::Histogram& histogram, const SeriesExtra& extra);
  void WriteNative(const NativeHistogram& native);

  Encoder encoder_;
  const bool exemplars_;
};

int TypeNumber(MetricType type) {
  switch (type) {
    case MetricType::Counter:
      return field::MetricType::kCounter;
    case MetricType::Histogram:
      return field::MetricType::kHistogram;
    default:
      ABSL_ASSERT(type == MetricType::Gauge);
      return field::MetricType::kGauge;
  }
}

void Writer::Write(const Family& family) {
  static const SeriesExtra kNoExtra;
  using Message = field::MetricFamily;
  const prometheus::MetricFamily& metrics = family.metrics;
  encoder_.Delimited([&] {
    encoder_.String(Message::kName, metrics.name);
    encoder_.String(Message::kHelp, metrics.help);
    encoder_.Unsigned(Message::kType, static_cast<uint64_t>(TypeNumber(metrics.type)));
    for (size_t i = 0; i < metrics.metric.size(); ++i) {
      encoder_.Message(Message::kMetric, [&] {
        WriteMetric(metrics.type, metrics.metric[i],
                    family.extra.empty() ? kNoExtra : family.extra[i]);
      });
    }
  });
}

void Writer::WriteMetric(MetricType type, const ClientMetric& metric, const SeriesExtra& extra) {
  using Message = field::Metric;
  WriteLabels(Message::kLabel, metric.label);
  switch (type) {
    case MetricType::Counter:
      return encoder_.Message(Message::kCounter,
                              [&] { WriteCounter(metric.counter.value, extra); });
    case MetricType::Histogram:
      return encoder_.Message(Message::kHistogram,
                              [&] { WriteHistogram(metric.histogram, extra); });
    default:
      ABSL_ASSERT(type == MetricType::Gauge);
      return encoder_.Message(Message::kGauge,
                              [&] { encoder_.Double(field::Gauge::kValue, metric.gauge.value); });
  }
}

void Writer::WriteLabels(int field, const Labels& labels) {
  for (const auto& label : labels) {
    encoder_.Message(field, [&] {
      encoder_.String(field::LabelPair::kName, label.name);
      encoder_.String(field::LabelPair::kValue, label.value);
    });
  }
}

void Writer::WriteTimestamp(int field, double unix_seconds) {
  if (unix_seconds == 0) return;
  constexpr double kNanosPerSecond = 1e9;
  const double whole = std::floor(unix_seconds);
  encoder_.Message(field, [&] {
    encoder_.Unsigned(field::Timestamp::kSeconds, static_cast<uint64_t>(whole));
    encoder_.Unsigned(field::Timestamp::kNanos,
                      static_cast<uint64_t>((unix_seconds - whole) * kNanosPerSecond));
  });
}

void Writer::WriteExemplar(int field, const Exemplar& exemplar) {
  using Message = field::Exemplar;
  encoder_.Message(field, [&] {
    WriteLabels(Message::kLabel, exemplar.labels);
    encoder_.Double(Message::kValue, exemplar.value);
    WriteTimestamp(Message::kTimestamp, exemplar.timestamp_seconds);
  });
}

void Writer::WriteCounter(double value, const SeriesExtra& extra) {
  using Message = field::Counter;
  encoder_.Double(Message::kValue, value);
  if (exemplars_ && extra.exemplar) {
    WriteExemplar(Message::kExemplar, *extra.exemplar);
  }
  WriteTimestamp(Message::kCreatedTimestamp, extra.start_time_seconds);
}

void Writer::WriteHistogram(const ClientMetric::Histogram& histogram, const SeriesExtra& extra) {
  using Message = field::Histogram;
  encoder_.Unsigned(Message::kSampleCount, histogram.sample_count);
  encoder_.Double(Message::kSampleSum, histogram.sample_sum);
  for (size_t i = 0; i < histogram.bucket.size(); ++i) {
    encoder_.Message(Message::kBucket, [&] {
      encoder_.Unsigned(field::Bucket::kCumulativeCount, histogram.bucket[i].cumulative_count);
      encoder_.Double(field::Bucket::kUpperBound, histogram.bucket[i].upper_bound);
      if (!exemplars_) return;
      for (const auto& [index, exemplar] : extra.bucket_exemplars) {
        if (index == i) WriteExemplar(field::Bucket::kExemplar, exemplar);
      }
    });
  }
  if (extra.native) WriteNative(*extra.native);
  WriteTimestamp(Message::kCreatedTimestamp, extra.start_time_seconds);
}

void Writer::WriteNative(const NativeHistogram& native) {
  using Message = field::Histogram;
  encoder_.Signed(Message::kSchema, native.schema);
  encoder_.Double(Message::kZeroThreshold, native.zero_threshold);
  encoder_.Unsigned(Message::kZeroCount, native.zero_count);
  for (const auto& span : native.positive_spans) {
    encoder_.Message(Message::kPositiveSpan, [&] {
      encoder_.Signed(field::BucketSpan::kOffset, span.offset);
      encoder_.Unsigned(field::BucketSpan::kLength, span.length);
    });
  }
  for (const int64_t delta : native.positive_deltas) {
    encoder_.Signed(Message::kPositiveDelta, delta);
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
