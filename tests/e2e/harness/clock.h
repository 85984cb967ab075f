// SPDX-License-Identifier: Apache-2.0
// Waiting with a bound.
#ifndef CNPROC_TESTS_E2E_HARNESS_CLOCK_H_
#define CNPROC_TESTS_E2E_HARNESS_CLOCK_H_

#include <chrono>
#include <functional>

namespace cnproc::e2e {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A sanitized exporter is slower by such a factor; time-outs stretch, numbers stay exact.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
inline constexpr int kPatience = 6;
#else
inline constexpr bool kSanitized = false;
inline constexpr int kPatience = 1;
#endif

// kPatience, times CNPROC_PATIENCE where the environment has it: tests/qemu, for an emulated CPU.
int Patience();

// Asks until condition holds or the time (stretched by Patience) is over; says which.
bool Eventually(milliseconds limit, const std::function<bool()>& condition);

}  // namespace cnproc::e2e

#endif  // CNPROC_TESTS_E2E_HARNESS_CLOCK_H_
