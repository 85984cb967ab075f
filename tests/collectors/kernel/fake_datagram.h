// SPDX-License-Identifier: Apache-2.0
// Datagrams as the kernel would send them, for what it will not do on demand. Built by hand and not
// with linux/cn_proc.h, so that the decoder is held against the wire and not against itself.
#ifndef CNPROC_TESTS_COLLECTORS_KERNEL_FAKE_DATAGRAM_H_
#define CNPROC_TESTS_COLLECTORS_KERNEL_FAKE_DATAGRAM_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <vector>

namespace cnproc {

inline constexpr uint32_t kWhatNone = 0;
inline constexpr uint32_t kWhatFork = 0x1;
inline constexpr uint32_t kWhatExec = 0x2;
inline constexpr uint32_t kWhatUid = 0x4;
inline constexpr uint32_t kWhatGid = 0x40;
inline constexpr uint32_t kWhatSid = 0x80;
inline constexpr uint32_t kWhatPtrace = 0x100;
inline constexpr uint32_t kWhatComm = 0x200;
inline constexpr uint32_t kWhatCoredump = 0x40000000;
inline constexpr uint32_t kWhatExit = 0x80000000;

// `words` fill the union event_data from its beginning.
inline std::vector<std::byte> FakeDatagram(uint32_t what, std::initializer_list<uint32_t> words,
                                           uint32_t sequence = 1, uint32_t cpu = 0,
                                           int64_t timestamp_ns = 1) {
  std::vector<std::byte> bytes(76);
  const auto put = [&bytes](size_t offset, auto value) {
    std::memcpy(bytes.data() + offset, &value, sizeof(value));
  };
  put(0, uint32_t{76});   // nlmsg_len
  put(4, uint16_t{3});    // nlmsg_type = NLMSG_DONE
  put(16, uint32_t{1});   // cb_id.idx = CN_IDX_PROC
  put(20, uint32_t{1});   // cb_id.val = CN_VAL_PROC
  put(24, sequence);      // cn_msg.seq
  put(32, uint16_t{40});  // cn_msg.len
  put(36, what);
  put(40, cpu);
  put(44, timestamp_ns);
  size_t offset = 52;
  for (const uint32_t word : words) {
    put(offset, word);
    offset += sizeof(word);
  }
  return bytes;
}

}  // namespace cnproc

#endif  // CNPROC_TESTS_COLLECTORS_KERNEL_FAKE_DATAGRAM_H_
