// SPDX-License-Identifier: Apache-2.0
// The kernel's clocks, in nanoseconds. Thread safe.
#ifndef CNPROC_COLLECTORS_BASE_TIME_H_
#define CNPROC_COLLECTORS_BASE_TIME_H_

#include <time.h>

#include <cstdint>

namespace cnproc {

inline constexpr int64_t kNsPerSecond = 1'000'000'000;
inline constexpr int64_t kNsPerMs = 1'000'000;

// Divided, as 1e-9 is no number of a double: the result is the nearest there is.
inline double Seconds(int64_t ns) {
  return static_cast<double>(ns) / static_cast<double>(kNsPerSecond);
}

inline int64_t ClockNs(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

// How long a tick of the kernel's clock takes, by which the coarse clocks go.
inline int64_t TickNs() {
  timespec resolution;
  clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);
  return resolution.tv_sec * kNsPerSecond + resolution.tv_nsec;
}

// By how much CLOCK_MONOTONIC of the time namespace that this process was started in (unshare -T, a
// container of CRIU's) is ahead of the machine's; 0 in the machine's own.
int64_t TimeNamespaceOffsetNs();

// The machine's CLOCK_MONOTONIC, by which the kernel stamps events, in whatever namespace we are.
inline int64_t MonotonicNs() { return ClockNs(CLOCK_MONOTONIC) - TimeNamespaceOffsetNs(); }
inline int64_t RealtimeNs() { return ClockNs(CLOCK_REALTIME); }

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_BASE_TIME_H_
