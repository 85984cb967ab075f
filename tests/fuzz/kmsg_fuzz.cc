// SPDX-License-Identifier: Apache-2.0
// The kernel's log quotes names of processes, cgroups and devices.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "collectors/kernel/kmsg.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  cnproc::OomLog log;
  // Several records, divided by NUL, each with a header of its own or, after '!', as the kernel's.
  for (uint64_t sequence = 0; !text.empty(); ++sequence) {
    const std::string_view line = text.substr(0, text.find('\0'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    std::optional<cnproc::KmsgRecord> record = cnproc::ParseKmsgRecord(line);
    if (!record && line.starts_with("!")) {
      record = cnproc::KmsgRecord{
          .sequence = sequence, .from_kernel = true, .text = std::string(line.substr(1))};
    }
    if (!record) continue;
    const std::optional<cnproc::OomKill> kill = log.Take(*record);
    if (kill && (kill->tid <= 0 || !record->from_kernel)) std::abort();
  }
  return 0;
}
