// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/comm_message.h"

#include <linux/netlink.h>
#include <linux/perf_event.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace cnproc {
namespace {

static_assert(kCommMessageType == NLMSG_MIN_TYPE);

constexpr size_t kHeaderBytes = sizeof(perf_event_header);
// Every record ends with what sample_id_all adds: the time alone.
constexpr size_t kTimeBytes = sizeof(uint64_t);
// pid and tid stand before the comm, which is padded to 8 bytes.
constexpr size_t kCommOffset = kHeaderBytes + 2 * sizeof(uint32_t);
// The id of the event stands before the count.
constexpr size_t kLostOffset = kHeaderBytes + sizeof(uint64_t);
constexpr size_t kLostBytes = kLostOffset + sizeof(uint64_t) + kTimeBytes;
// A comm record has at most 40 bytes.
constexpr size_t kMaxRecordBytes = 128;

template <typename T>
T Load(std::span<const std::byte> bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

// Copies what may go round the end of the ring.
void CopyOut(std::span<const std::byte> ring, uint64_t position, std::span<std::byte> out) {
  const size_t start = position % ring.size();
  const size_t first = std::min(out.size(), ring.size() - start);
  std::memcpy(out.data(), ring.data() + start, first);
  std::memcpy(out.data() + first, ring.data(), out.size() - first);
}

bool IsWanted(const perf_event_header& header) {
  if (header.type == PERF_RECORD_LOST) return true;
  return header.type == PERF_RECORD_COMM && (header.misc & PERF_RECORD_MISC_COMM_EXEC) != 0;
}

void AppendBytes(const void* data, size_t size, std::vector<std::byte>& bytes) {
  const auto* begin = static_cast<const std::byte*>(data);
  bytes.insert(bytes.end(), begin, begin + size);
}

void AppendDatagram(std::span<const std::byte> record, uint32_t cpu,
                    std::vector<std::byte>& bytes) {
  nlmsghdr envelope{};
  envelope.nlmsg_len = static_cast<uint32_t>(sizeof(envelope) + record.size());
  envelope.nlmsg_type = kCommMessageType;
  envelope.nlmsg_seq = cpu;
  AppendBytes(&envelope, sizeof(envelope), bytes);
  AppendBytes(record.data(), record.size(), bytes);
}

}  // namespace

CommMessage DecodeCommMessage(std::span<const std::byte> datagram) {
  CommMessage message;
  if (datagram.size() < sizeof(nlmsghdr) + kHeaderBytes) return message;
  const auto envelope = Load<nlmsghdr>(datagram, 0);
  const std::span<const std::byte> record = datagram.subspan(sizeof(nlmsghdr));
  const auto header = Load<perf_event_header>(record, 0);
  if (envelope.nlmsg_type != kCommMessageType || header.size != record.size() ||
      record.size() < kHeaderBytes + kTimeBytes) {
    return message;
  }
  message.timestamp_ns = static_cast<int64_t>(Load<uint64_t>(record, record.size() - kTimeBytes));
  if (header.type == PERF_RECORD_LOST) {
    if (record.size() < kLostBytes) return message;
    message.lost = Load<uint64_t>(record, kLostOffset);
    message.kind = CommMessageKind::kLost;
    return message;
  }
  message.kind = CommMessageKind::kOther;
  if (header.type != PERF_RECORD_COMM) return message;
  if (record.size() < kCommOffset + kTimeBytes) return {};
  CommRecord& comm = message.record;
  comm.tgid = Load<int32_t>(record, kHeaderBytes);
  comm.tid = Load<int32_t>(record, kHeaderBytes + sizeof(int32_t));
  comm.timestamp_ns = message.timestamp_ns;
  comm.is_exec = (header.misc & PERF_RECORD_MISC_COMM_EXEC) != 0;
  const size_t length = std::min(record.size() - kTimeBytes - kCommOffset, comm.comm.size() - 1);
  std::memcpy(comm.comm.data(), record.data() + kCommOffset, length);
  message.kind = CommMessageKind::kRecord;
  return message;
}

bool AppendCommMessages(std::span<const std::byte> ring, uint64_t tail, uint64_t head, uint32_t cpu,
                        std::vector<std::byte>& bytes, std::vector<size_t>& ends) {
  // Unsigned: a tail beyond the head is more than any ring holds.
  if (head - tail > ring.size()) return false;
  while (head - tail >= kHeaderBytes) {
    std::array<std::byte, kMaxRecordBytes> record;
    CopyOut(ring, tail, std::span(record).first(kHeaderBytes));
    const auto header = Load<perf_event_header>(record, 0);
    if (header.size < kHeaderBytes || header.size > head - tail) return false;
    if (IsWanted(header) && header.size <= record.size()) {
      const std::span<std::byte> whole = std::span(record).first(header.size);
      CopyOut(ring, tail, whole);
      AppendDatagram(whole, cpu, bytes);
      ends.push_back(bytes.size());
    }
    tail += header.size;
  }
  return head == tail;
}

}  // namespace cnproc
