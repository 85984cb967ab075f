// SPDX-License-Identifier: Apache-2.0
#include "collectors/metrics/native_buckets.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <utility>

namespace cnproc {
namespace {

constexpr int kPartsOfOctave = 1 << NativeBuckets::kFinestSchema;

// 2^(i/8) for i from 1 to 7: the bounds between the buckets of one power of two.
constexpr std::array<double, kPartsOfOctave - 1> kUpperBounds = {
    0x1.172b83c7d517bp+0, 0x1.306fe0a31b715p+0, 0x1.4bfdad5362a27p+0, 0x1.6a09e667f3bcdp+0,
    0x1.8ace5422aa0dbp+0, 0x1.ae89f995ad3adp+0, 0x1.d5818dcfba487p+0};

// A sixteenth of an octave holds at most one bound: what is above it is in the bucket `below` + 1.
struct Cell {
  double bound = std::numeric_limits<double>::infinity();
  int below = 0;
};
constexpr int kCellBits = 4;
constexpr std::array<Cell, 1 << kCellBits> kCells = [] {
  std::array<Cell, 1 << kCellBits> cells{};
  // A power of two itself is the upper bound of the bucket below.
  cells[0].bound = 1;
  int below = 1;
  for (size_t i = 1; i < cells.size(); ++i) {
    cells[i].below = below;
    const double end = 1 + static_cast<double>(i + 1) / cells.size();
    if (below < kPartsOfOctave && kUpperBounds[static_cast<size_t>(below - 1)] < end) {
      cells[i].bound = kUpperBounds[static_cast<size_t>(below - 1)];
      ++below;
    }
  }
  return cells;
}();

// The bucket at the finest schema of a value that is finite and above the threshold.
int32_t FinestIndex(double value) {
  constexpr int kMantissaBits = 52;
  constexpr uint64_t kExponentMask = 0x7ff;
  constexpr int kExponentBias = 1023;
  const auto bits = std::bit_cast<uint64_t>(value);
  const int exponent = static_cast<int>((bits >> kMantissaBits) & kExponentMask) - kExponentBias;
  // In [1, 2).
  const auto mantissa = std::bit_cast<double>((bits & ((uint64_t{1} << kMantissaBits) - 1)) |
                                              (uint64_t{kExponentBias} << kMantissaBits));
  const Cell& cell = kCells[(bits >> (kMantissaBits - kCellBits)) & (kCells.size() - 1)];
  return exponent * kPartsOfOctave + cell.below + (mantissa > cell.bound ? 1 : 0);
}

// The bucket at a schema coarser by `steps`: upper bounds coincide, hence rounded up.
int32_t Coarser(int32_t index, int steps) { return (index + (1 << steps) - 1) >> steps; }

}  // namespace

NativeBuckets::NativeBuckets(size_t max_buckets) : max_buckets_(max_buckets) {}

void NativeBuckets::Observe(double value, uint64_t times) {
  if (times == 0) return;
  if (!(value > kZeroThreshold)) {
    zero_count_ += times;
    return;
  }
  const int32_t finest = FinestIndex(std::min(value, std::numeric_limits<double>::max()));
  const int32_t index = Coarser(finest, kFinestSchema - schema_);
  // Nearly always there is one already. An index below the first is a huge place.
  const auto place = static_cast<size_t>(static_cast<int64_t>(index) - first_index_);
  if (place < counts_.size() && counts_[place] != 0) {
    counts_[place] += times;
  } else {
    Fill(index, times);
  }
}

void NativeBuckets::Fill(int32_t index, uint64_t times) {
  CountOf(index) += times;
  ++filled_;
  while (filled_ > max_buckets_ && schema_ > kCoarsestSchema) HalveResolution();
}

uint64_t& NativeBuckets::CountOf(int32_t index) {
  if (counts_.empty()) first_index_ = index;
  if (index < first_index_) {
    counts_.insert(counts_.begin(), first_index_ - index, 0);
    first_index_ = index;
  }
  const auto place = static_cast<size_t>(index - first_index_);
  if (place >= counts_.size()) counts_.resize(place + 1);
  return counts_[place];
}

void NativeBuckets::HalveResolution() {
  const std::vector<uint64_t> finer = std::exchange(counts_, {});
  const int32_t first_finer = first_index_;
  --schema_;
  filled_ = 0;
  for (size_t i = 0; i < finer.size(); ++i) {
    if (finer[i] == 0) continue;
    uint64_t& count = CountOf(Coarser(first_finer + static_cast<int32_t>(i), 1));
    if (count == 0) ++filled_;
    count += finer[i];
  }
}

NativeHistogram NativeBuckets::Snapshot() const {
  // Up to so many empty buckets are cheaper written out than a new span is.
  constexpr int32_t kBridgedGap = 2;
  NativeHistogram histogram;
  histogram.schema = schema_;
  histogram.zero_threshold = kZeroThreshold;
  histogram.zero_count = zero_count_;
  int64_t last_count = 0;
  int32_t next_index = 0;
  const auto append = [&](uint64_t count) {
    histogram.positive_deltas.push_back(static_cast<int64_t>(count) - last_count);
    last_count = static_cast<int64_t>(count);
    ++histogram.positive_spans.back().length;
    ++next_index;
  };
  for (size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] == 0) continue;
    const int32_t index = first_index_ + static_cast<int32_t>(i);
    const int32_t gap = index - next_index;
    if (histogram.positive_spans.empty() || gap > kBridgedGap) {
      histogram.positive_spans.push_back({gap, 0});
      next_index = index;
    }
    while (next_index < index) append(0);
    append(counts_[i]);
  }
  return histogram;
}

}  // namespace cnproc
