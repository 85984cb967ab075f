// SPDX-License-Identifier: Apache-2.0
// The buckets of a native histogram (Prometheus, sparse and exponential). Not thread safe.
#ifndef CNPROC_COLLECTORS_METRICS_NATIVE_BUCKETS_H_
#define CNPROC_COLLECTORS_METRICS_NATIVE_BUCKETS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "collectors/metrics/family.h"

namespace cnproc {

// Counts of observations that are not negative; an observation takes about 20 ns. A bucket is a
// factor of 2^(2^-schema) wide. Once more than max_buckets hold something, the resolution is halved
// until they fit, as client_golang does it; it stays so.
class NativeBuckets {
 public:
  static constexpr int32_t kFinestSchema = 3;     // 8 buckets to a power of two: 9 % wide
  static constexpr int32_t kCoarsestSchema = -4;  // defined by the format
  static constexpr size_t kDefaultMaxBuckets = 160;
  // What is not above it counts as zero: the default of client_golang, 2^-128.
  static constexpr double kZeroThreshold = 0x1p-128;

  explicit NativeBuckets(size_t max_buckets = kDefaultMaxBuckets);

  void Observe(double value, uint64_t times = 1);

  // As the protobuf format writes them.
  NativeHistogram Snapshot() const;

 private:
  void Fill(int32_t index, uint64_t times);
  uint64_t& CountOf(int32_t index);
  void HalveResolution();

  size_t max_buckets_;
  int32_t schema_ = kFinestSchema;
  uint64_t zero_count_ = 0;
  size_t filled_ = 0;  // buckets that hold something
  // Without gaps, the first of them has index first_index_. Doubles have 1,152 octaves above the
  // threshold, so there are never more than 9,217; the octaves of one quantity are a few dozen.
  std::vector<uint64_t> counts_;
  int32_t first_index_ = 0;  // bucket i is (base^(i-1), base^i]
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_METRICS_NATIVE_BUCKETS_H_
