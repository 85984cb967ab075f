// SPDX-License-Identifier: Apache-2.0
// A histogram with fixed classic buckets and, where asked for, native ones beside them. Not thread
// safe.
#ifndef CNPROC_COLLECTORS_METRICS_HISTOGRAM_H_
#define CNPROC_COLLECTORS_METRICS_HISTOGRAM_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "collectors/metrics/native_buckets.h"

namespace cnproc {

class Histogram {
 public:
  enum class Buckets { kClassic, kClassicAndNative };

  // `bounds` (le) ascend and outlive the histogram: give an array of static storage.
  explicit Histogram(std::span<const double> bounds, Buckets buckets = Buckets::kClassic)
      : bounds_(bounds), counts_(bounds.size() + 1) {
    if (buckets == Buckets::kClassicAndNative) native_.emplace();
  }

  // Returns the index of the classic bucket that it fell into.
  size_t Observe(double value, uint64_t times = 1) {
    size_t bucket = 0;
    // Few buckets, and the common case is among the first: faster than a binary search.
    while (bucket < bounds_.size() && value > bounds_[bucket]) ++bucket;
    counts_[bucket] += times;
    sum_ += value * static_cast<double>(times);
    if (native_) native_->Observe(value, times);
    return bucket;
  }

  std::span<const double> bounds() const { return bounds_; }
  // Of each bucket alone; the last one is +Inf's.
  std::span<const uint64_t> counts() const { return counts_; }
  double sum() const { return sum_; }
  const std::optional<NativeBuckets>& native() const { return native_; }

 private:
  std::span<const double> bounds_;
  std::vector<uint64_t> counts_;
  double sum_ = 0;
  std::optional<NativeBuckets> native_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_METRICS_HISTOGRAM_H_
