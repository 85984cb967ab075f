// SPDX-License-Identifier: Apache-2.0
// The wire format of comm records: what perf's rings hold (linux/perf_event.h), and how one record
// travels as a datagram beside those of the process connector. Pure; every size is checked.
//
// Such a datagram is a netlink header, so that tools that read recordings find what they expect,
// and then the record as the kernel wrote it. nlmsg_type is kCommMessageType, nlmsg_seq the CPU.
#ifndef CNPROC_COLLECTORS_KERNEL_COMM_MESSAGE_H_
#define CNPROC_COLLECTORS_KERNEL_COMM_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "collectors/process/comm_record.h"

namespace cnproc {

inline constexpr uint16_t kCommMessageType = 0x10;  // NLMSG_MIN_TYPE: the first that is free

enum class CommMessageKind : uint8_t {
  kMalformed,
  kRecord,
  kLost,   // PERF_RECORD_LOST: the ring was full
  kOther,  // of another type
};

struct CommMessage {
  CommMessageKind kind = CommMessageKind::kMalformed;
  CommRecord record;         // kRecord
  uint64_t lost = 0;         // kLost: so many records,
  int64_t timestamp_ns = 0;  // until then; kRecord: that of the record. CLOCK_MONOTONIC
};
CommMessage DecodeCommMessage(std::span<const std::byte> datagram);

// Appends a datagram for each record that `ring` holds from `tail` to `head`, which count bytes
// from the ring's birth, as data_tail and data_head do. Records of renames are left out: a process
// that renames itself in a loop makes millions, and they name no program. `ends` gets the end of
// each datagram in `bytes`. False if the bytes are no records: then the rest of them is given up.
bool AppendCommMessages(std::span<const std::byte> ring, uint64_t tail, uint64_t head, uint32_t cpu,
                        std::vector<std::byte>& bytes, std::vector<size_t>& ends);

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_COMM_MESSAGE_H_
