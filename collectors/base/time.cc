// SPDX-License-Identifier: Apache-2.0
#include "collectors/base/time.h"

#include <fstream>
#include <string>

namespace cnproc {
namespace {

// Lines of a clock's name, seconds and nanoseconds. Absent before Linux 5.6. It tells of the
// namespace of the children that are yet to come, which is that of a process that was started in it
// and made none of its own.
int64_t ReadOffsetNs() {
  std::ifstream file("/proc/self/timens_offsets");
  std::string clock;
  int64_t seconds = 0;
  int64_t nanoseconds = 0;
  while (file >> clock >> seconds >> nanoseconds) {
    if (clock == "monotonic") return seconds * kNsPerSecond + nanoseconds;
  }
  return 0;
}

}  // namespace

int64_t TimeNamespaceOffsetNs() {
  static const int64_t kOffsetNs = ReadOffsetNs();
  return kOffsetNs;
}

}  // namespace cnproc
