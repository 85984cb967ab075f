// SPDX-License-Identifier: Apache-2.0
// CPU time by program, unit or container, as pages have it.
#ifndef CNPROC_COLLECTORS_CPU_BY_VALUE_H_
#define CNPROC_COLLECTORS_CPU_BY_VALUE_H_

#include <array>
#include <cstdint>
#include <string_view>

#include "collectors/metrics/family.h"
#include "collectors/process/change.h"
#include "collectors/process/cpu_time.h"
#include "collectors/who/identities.h"
#include "collectors/who/label_values.h"

namespace cnproc {

// In whole microseconds, as sums of seconds would gather digits that nobody measured.
struct CpuSum {
  int64_t user_us = 0;
  int64_t system_us = 0;

  CpuSum& operator+=(const CpuSum& other) {
    user_us += other.user_us;
    system_us += other.system_us;
    return *this;
  }
  int64_t total_us() const { return user_us + system_us; }
};
inline CpuSum SumOf(const CpuTime& cpu) {
  return {.user_us = cpu.user_us(), .system_us = cpu.system_us()};
}
inline double SecondsOfUs(int64_t us) {
  constexpr double kUsPerSecond = 1e6;
  return static_cast<double>(us) / kUsPerSecond;
}

// The same sum in each dimension that there are values of. Not thread safe.
class CpuByValue {
 public:
  static constexpr std::array kDimensions = {Dimension::kProgram, Dimension::kUnit,
                                             Dimension::kContainer};

  // `identities` must outlive this.
  explicit CpuByValue(const Identities& identities) : identities_(identities) {}

  // For whoever the process belongs to now.
  void Add(const Process& process, const CpuSum& cpu);
  // One family for each dimension: cnproc_DIMENSION_`name`. Its help is `help` with a blank and the
  // dimension in the plural, as "units of systemd", and `rest`.
  void Collect(std::string_view name, std::string_view help, std::string_view rest,
               Families& families) const;

 private:
  const Identities& identities_;
  std::array<ByValue<CpuSum>, kDimensions.size()> sums_;  // as kDimensions
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_CPU_BY_VALUE_H_
