// SPDX-License-Identifier: Apache-2.0
// A histogram with fixed classic buckets and, where asked for, native ones beside them. Its values
// are integers, so that its sum is exact. Not thread safe.
#ifndef CNPROC_COLLECTORS_METRICS_HISTOGRAM_H_
#define CNPROC_COLLECTORS_METRICS_HISTOGRAM_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/numeric/int128.h"
#include "collectors/metrics/native_buckets.h"

namespace cnproc {

class Histogram {
 public:
  enum class Buckets { kClassic, kClassicAndNative };

  // `bounds` (le) ascend and outlive the histogram: give an array of static storage. So many units
  // of what is observed make one of the bounds' unit: kNsPerSecond for nanoseconds told in seconds.
  explicit Histogram(std::span<const double> bounds, Buckets buckets = Buckets::kClassic,
                     int64_t units_in_one = 1)
      : bounds_(bounds),
        units_in_one_(static_cast<double>(units_in_one)),
        counts_(bounds.size() + 1) {
    if (buckets == Buckets::kClassicAndNative) native_.emplace();
  }

  // Returns the index of the classic bucket that it fell into. Nothing that is observed can be
  // below 0: where clocks say so they disagree, and it counts as 0.
  size_t Observe(int64_t units, uint64_t times = 1) {
    const auto counted = static_cast<uint64_t>(std::max<int64_t>(units, 0));
    const double value = static_cast<double>(counted) / units_in_one_;
    size_t bucket = 0;
    // Few buckets, and the common case is among the first: faster than a binary search.
    while (bucket < bounds_.size() && value > bounds_[bucket]) ++bucket;
    counts_[bucket] += times;
    sum_ += absl::uint128(counted) * times;
    if (native_) native_->Observe(value, times);
    return bucket;
  }

  std::span<const double> bounds() const { return bounds_; }
  // Of each bucket alone; the last one is +Inf's.
  std::span<const uint64_t> counts() const { return counts_; }
  double sum() const { return static_cast<double>(sum_) / units_in_one_; }
  const std::optional<NativeBuckets>& native() const { return native_; }

 private:
  std::span<const double> bounds_;
  double units_in_one_;
  std::vector<uint64_t> counts_;
  absl::uint128 sum_ =
      0;  // in units: 64 bits of ns are the lifetimes of 10,000 processes of 20 days
  std::optional<NativeBuckets> native_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_METRICS_HISTOGRAM_H_
