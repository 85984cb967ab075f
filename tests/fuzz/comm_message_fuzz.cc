// SPDX-License-Identifier: Apache-2.0
// Any bytes as perf's ring, at any place of it, and any bytes as a recorded comm record.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "collectors/kernel/comm_message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kRingBytes = 128;
  uint64_t tail = 0;
  uint64_t length = 0;
  const std::span<const std::byte> input(reinterpret_cast<const std::byte*>(data), size);
  (void)cnproc::DecodeCommMessage(input);
  if (size < sizeof(tail) + 1) return 0;
  std::memcpy(&tail, data, sizeof(tail));
  length = data[sizeof(tail)];  // more than the ring holds, too
  const std::span<const std::byte> rest = input.subspan(sizeof(tail) + 1);
  std::vector<std::byte> ring(kRingBytes);
  std::copy_n(rest.begin(), std::min(rest.size(), ring.size()), ring.begin());
  std::vector<std::byte> bytes;
  std::vector<size_t> ends;
  (void)cnproc::AppendCommMessages(ring, tail, tail + length, 0, bytes, ends);
  size_t begin = 0;
  for (const size_t end : ends) {
    // What is handed on is never malformed by its sizes alone, and its name ends.
    const cnproc::CommMessage message =
        cnproc::DecodeCommMessage(std::span(bytes).subspan(begin, end - begin));
    if (message.record.name().size() >= message.record.comm.size()) __builtin_trap();
    begin = end;
  }
  if (begin != bytes.size()) __builtin_trap();
  return 0;
}
