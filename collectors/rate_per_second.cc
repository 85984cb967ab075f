// SPDX-License-Identifier: Apache-2.0
#include "collectors/rate_per_second.h"

#include <algorithm>

#include "collectors/base/time.h"

namespace cnproc {
namespace {

// While the exporter itself is stopped, seconds wait to be closed. What lies farther back is lost
// anyway: no buffer holds that much.
constexpr int64_t kMaxOpenSeconds = 3600;

}  // namespace

void RatePerSecond::Count(int64_t timestamp_ns) {
  if (!first_open_second_) return;
  const int64_t index = timestamp_ns / kNsPerSecond - *first_open_second_;
  if (index < 0 || index >= kMaxOpenSeconds) return;
  if (static_cast<size_t>(index) >= open_.size()) open_.resize(static_cast<size_t>(index) + 1);
  ++open_[static_cast<size_t>(index)];
}

void RatePerSecond::OnLoss(int64_t from_ns, int64_t to_ns) {
  const int64_t from = from_ns / kNsPerSecond;
  const int64_t to = to_ns / kNsPerSecond;
  // An older loss that still concerns an open second is kept, with all seconds in between.
  const bool old_is_open = first_open_second_ && lossy_to_second_ >= *first_open_second_;
  lossy_from_second_ = old_is_open ? std::min(lossy_from_second_, from) : from;
  lossy_to_second_ = old_is_open ? std::max(lossy_to_second_, to) : to;
}

void RatePerSecond::OnTime(int64_t now_ns) {
  const int64_t now_second = now_ns / kNsPerSecond;
  // The second in which counting begins is not a whole one.
  if (!first_open_second_) first_open_second_ = now_second + 1;
  const int64_t over = now_second - 1 - *first_open_second_;
  if (over <= 0) return;
  // What lies beyond the open seconds is empty: after a jump of the clock there may be billions.
  const int64_t empty = std::max<int64_t>(0, over - kMaxOpenSeconds);
  for (int64_t i = 0; i < over - empty; ++i) {
    const int64_t second = (*first_open_second_)++;
    const uint64_t count = open_.empty() ? 0 : open_.front();
    if (!open_.empty()) open_.pop_front();
    const bool lossy = second >= lossy_from_second_ && second <= lossy_to_second_;
    if (!lossy) histogram_.Observe(static_cast<int64_t>(count));
  }
  if (empty == 0) return;
  *first_open_second_ += empty;
  histogram_.Observe(0, static_cast<uint64_t>(empty));
}

}  // namespace cnproc
