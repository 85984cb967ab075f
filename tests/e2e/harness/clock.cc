// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/harness/clock.h"

#include <cstdlib>
#include <string>
#include <thread>

namespace cnproc::e2e {

int Patience() {
  const char* factor = std::getenv("CNPROC_PATIENCE");
  return factor == nullptr ? kPatience : kPatience * std::stoi(factor);
}

bool Eventually(milliseconds limit, const std::function<bool()>& condition) {
  const auto end = Clock::now() + limit * Patience();
  while (!condition()) {
    if (Clock::now() > end) return false;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return true;
}

}  // namespace cnproc::e2e
