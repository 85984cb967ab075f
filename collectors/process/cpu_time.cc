// SPDX-License-Identifier: Apache-2.0
#include "collectors/process/cpu_time.h"

#include <algorithm>
#include <cmath>

namespace cnproc {
namespace {

constexpr int64_t kNsPerUs = 1000;

int64_t TotalNs(const ExitRecord& record, int64_t tick_ns) {
  if (record.times_run == 0) return (record.user_ticks_us + record.system_ticks_us) * kNsPerUs;
  if (record.voluntary_switches > 0) return record.scheduled_ns;
  // It never slept: it ran whenever it did not wait for a CPU. But its life began some microseconds
  // before it could, while its parent made it, and a parent may lose its own CPU meanwhile. Each
  // tick that finds a task running updates what the scheduler measured.
  return std::clamp(record.elapsed_us * kNsPerUs - record.run_delay_ns, record.scheduled_ns,
                    record.scheduled_ns + tick_ns);
}

}  // namespace

int64_t CpuTime::system_us() const {
  if (system_ticks_us == 0) return 0;
  const double share =
      static_cast<double>(system_ticks_us) / static_cast<double>(system_ticks_us + user_ticks_us);
  return std::min<int64_t>(std::llround(static_cast<double>(total_us()) * share), total_us());
}

CpuTime CpuTimeOf(const ExitRecord& record, int64_t tick_ns) {
  return {.total_ns = TotalNs(record, tick_ns),
          .user_ticks_us = record.user_ticks_us,
          .system_ticks_us = record.system_ticks_us};
}

}  // namespace cnproc
