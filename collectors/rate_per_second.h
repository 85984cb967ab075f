// SPDX-License-Identifier: Apache-2.0
// How many events fell into each second of their own clock: shows a burst between two scrapes.
#ifndef CNPROC_COLLECTORS_RATE_PER_SECOND_H_
#define CNPROC_COLLECTORS_RATE_PER_SECOND_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <span>

#include "collectors/metrics/histogram.h"

namespace cnproc {

// Observes each whole second once it is over, empty ones as 0; seconds with a loss, whose count
// would be too small, are left out. Pure; not thread safe.
class RatePerSecond {
 public:
  explicit RatePerSecond(std::span<const double> bounds)
      : histogram_(bounds, Histogram::Buckets::kClassicAndNative) {}

  void Count(int64_t timestamp_ns);
  void OnLoss(int64_t from_ns, int64_t to_ns);
  // Every event until now has been counted and every loss told. Timestamps of two CPUs can come
  // slightly out of order, so a second is closed one second after its end.
  void OnTime(int64_t now_ns);

  const Histogram& histogram() const { return histogram_; }

 private:
  Histogram histogram_;
  std::optional<int64_t> first_open_second_;  // set by the first OnTime
  std::deque<uint64_t> open_;                 // counts from first_open_second_ on
  int64_t lossy_from_second_ = 0;
  int64_t lossy_to_second_ = -1;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_RATE_PER_SECOND_H_
