// SPDX-License-Identifier: Apache-2.0
// What any of many threads may do, and only one of them now and then.
#ifndef CNPROC_EXPORTER_WEB_ONCE_PER_H_
#define CNPROC_EXPORTER_WEB_ONCE_PER_H_

#include <atomic>
#include <cstdint>

#include "collectors/base/time.h"

namespace cnproc {

// Thread safe.
class OncePer {
 public:
  explicit OncePer(int64_t interval_ns) : interval_ns_(interval_ns) {}

  // True for one caller in each interval, and for the very first.
  bool IsDue() {
    const int64_t now_ns = MonotonicNs();
    int64_t due_ns = due_ns_;
    return now_ns >= due_ns && due_ns_.compare_exchange_strong(due_ns, now_ns + interval_ns_);
  }

 private:
  const int64_t interval_ns_;
  std::atomic<int64_t> due_ns_{0};
};

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_WEB_ONCE_PER_H_
