// SPDX-License-Identifier: Apache-2.0
// Any root can send datagrams that look like exit records.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "collectors/kernel/taskstats.h"
#include "collectors/process/cpu_time.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  const cnproc::TaskstatsMessage message = cnproc::DecodeTaskstats(bytes, 0x1b);
  // The last byte of a name is never the task's, so that it can be read as a string.
  if (message.record.comm.back() != '\0') std::abort();
  // No sum of a record's times overflows; some threads' together do neither.
  constexpr int64_t kTickNs = 4'000'000;
  cnproc::CpuTime cpu = cnproc::CpuTimeOf(message.record, kTickNs);
  for (int threads = 0; threads < 3; ++threads) cpu += cnproc::CpuTimeOf(message.record, kTickNs);
  if (cpu.user_us() < 0 || cpu.system_us() < 0) std::abort();
  cnproc::DecodeFamilyReply(bytes);
  return 0;
}
