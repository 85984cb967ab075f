// SPDX-License-Identifier: Apache-2.0
// Records as perf would write them. Built by hand and not with linux/perf_event.h, so that the
// decoder is held against the wire and not against itself.
#ifndef CNPROC_TESTS_COLLECTORS_KERNEL_FAKE_COMM_H_
#define CNPROC_TESTS_COLLECTORS_KERNEL_FAKE_COMM_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace cnproc {

template <typename T>
void AppendValue(T value, std::vector<std::byte>& bytes) {
  bytes.resize(bytes.size() + sizeof(value));
  std::memcpy(bytes.data() + bytes.size() - sizeof(value), &value, sizeof(value));
}

inline std::vector<std::byte> FakePerfRecord(uint32_t type, uint16_t misc,
                                             const std::vector<std::byte>& body) {
  std::vector<std::byte> record;
  AppendValue(type, record);
  AppendValue(misc, record);
  AppendValue(static_cast<uint16_t>(8 + body.size()), record);
  record.insert(record.end(), body.begin(), body.end());
  return record;
}

// PERF_RECORD_COMM = 3; PERF_RECORD_MISC_COMM_EXEC = 1 << 13, user mode = 2.
inline std::vector<std::byte> FakeCommRecord(uint32_t tgid, uint32_t tid, std::string_view comm,
                                             int64_t timestamp_ns, bool is_exec = true) {
  std::vector<std::byte> body;
  AppendValue(tgid, body);
  AppendValue(tid, body);
  const size_t padded = (comm.size() + 1 + 7) / 8 * 8;
  body.resize(body.size() + padded);
  std::memcpy(body.data() + 8, comm.data(), comm.size());
  AppendValue(timestamp_ns, body);
  return FakePerfRecord(3, static_cast<uint16_t>(2 | (is_exec ? 1 << 13 : 0)), body);
}

// PERF_RECORD_LOST = 2.
inline std::vector<std::byte> FakeLostRecord(uint64_t count, int64_t timestamp_ns) {
  std::vector<std::byte> body;
  AppendValue(uint64_t{77}, body);  // the event's id
  AppendValue(count, body);
  AppendValue(timestamp_ns, body);
  return FakePerfRecord(2, 0, body);
}

// The record as a datagram.
inline std::vector<std::byte> FakeCommDatagram(const std::vector<std::byte>& record,
                                               uint32_t cpu = 0) {
  std::vector<std::byte> datagram;
  AppendValue(static_cast<uint32_t>(16 + record.size()), datagram);
  AppendValue(uint16_t{0x10}, datagram);
  AppendValue(uint16_t{0}, datagram);
  AppendValue(cpu, datagram);
  AppendValue(uint32_t{0}, datagram);
  datagram.insert(datagram.end(), record.begin(), record.end());
  return datagram;
}

}  // namespace cnproc

#endif  // CNPROC_TESTS_COLLECTORS_KERNEL_FAKE_COMM_H_
