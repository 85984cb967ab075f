// SPDX-License-Identifier: Apache-2.0
// What a collector hands to the exposition: prometheus-cpp's data model, and beside it what that
// model has no room for.
#ifndef CNPROC_COLLECTORS_METRICS_FAMILY_H_
#define CNPROC_COLLECTORS_METRICS_FAMILY_H_

#include <prometheus/metric_family.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/types/span.h"

namespace cnproc {

using Labels = std::vector<prometheus::ClientMetric::Label>;

// The newest event that fell into a counter or a bucket. All its labels together have at most 128
// characters, as OpenMetrics 1.0 demands.
struct Exemplar {
  Labels labels;
  double value = 0;
  double timestamp_seconds = 0;  // Unix time
};

// Buckets of a native histogram as the protobuf format writes them: runs of consecutive buckets,
// counts as differences to the bucket before.
struct NativeHistogram {
  struct Span {
    int32_t offset = 0;
    uint32_t length = 0;
  };
  int32_t schema = 0;
  double zero_threshold = 0;
  uint64_t zero_count = 0;
  std::vector<Span> positive_spans;
  std::vector<int64_t> positive_deltas;
};

// Like std::optional, but as small as a pointer while it is empty: nearly all of a page's thousands
// of series are.
template <typename T>
class Rare {
 public:
  Rare() = default;
  Rare(T value) : value_(std::make_unique<T>(std::move(value))) {}  // NOLINT: as std::optional
  Rare(const Rare& other) : value_(other.value_ ? std::make_unique<T>(*other.value_) : nullptr) {}
  Rare(Rare&&) noexcept = default;
  Rare& operator=(Rare other) noexcept {
    value_ = std::move(other.value_);
    return *this;
  }
  ~Rare() = default;

  explicit operator bool() const { return value_ != nullptr; }
  const T& operator*() const { return *value_; }
  const T* operator->() const { return value_.get(); }

 private:
  std::unique_ptr<T> value_;
};

// Beside metrics.metric[i]: its start time and whatever else only some formats can say.
struct SeriesExtra {
  double start_time_seconds = 0;  // Unix time; 0 where the series has none (gauges)
  Rare<Exemplar> exemplar;        // of a counter
  std::vector<std::pair<size_t, Exemplar>> bucket_exemplars;  // of a histogram, by bucket index
  Rare<NativeHistogram> native;                               // of a histogram
};

// A value type. metrics.name is the name as the text format writes it (counters end in _total).
// extra is either empty or parallel to metrics.metric.
struct Family {
  prometheus::MetricFamily metrics;
  std::vector<SeriesExtra> extra;
};

// The families of a page, then of the next one: they keep their memory, as to allocate and free
// thousands of series would be a third of a scrape. Not thread safe.
class Families {
 public:
  Families() = default;
  Families(std::initializer_list<Family> families);
  Families(Families&&) = default;
  Families& operator=(Families&&) = default;
  ~Families() = default;

  // Begins another page.
  void Clear() { in_order_.clear(); }
  // One more, for a FamilyWriter: what an earlier page left in it is still there. Stays in place.
  Family& Append();
  // Orders families by name and the series of each by their labels: what every page promises.
  // Families of one name become one, as several collectors may add to it; a series that two gave is
  // the first.
  void Sort();

  // As Sort left them.
  absl::Span<const Family* const> in_order() const { return in_order_; }

 private:
  // In the order of Append, page by page: most will have as many series as they had.
  std::deque<Family> families_;
  std::vector<Family*> in_order_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_METRICS_FAMILY_H_
