// SPDX-License-Identifier: Apache-2.0
// The wire format of taskstats' exit records: generic netlink, attributes, struct taskstats of many
// versions. Stateless, thread safe, reads nothing but its arguments, never past their end.
#ifndef CNPROC_COLLECTORS_KERNEL_TASKSTATS_H_
#define CNPROC_COLLECTORS_KERNEL_TASKSTATS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "collectors/process/exit_record.h"

namespace cnproc {

enum class TaskstatsKind : uint8_t {
  kRecord,
  kReply,        // the kernel's answer to a request
  kMalformed,    // too short, or it contradicts itself
  kUnsupported,  // a version before 10 (Linux 5.10)
};

struct TaskstatsMessage {
  TaskstatsKind kind = TaskstatsKind::kMalformed;
  int reply_errno = 0;  // kReply: 0 = done
  ExitRecord record;    // kRecord
};

// `family` is the number that the kernel gave TASKSTATS at boot.
TaskstatsMessage DecodeTaskstats(std::span<const std::byte> datagram, uint16_t family);

// A request for the number of a generic netlink family, and the number in the kernel's answer.
std::vector<std::byte> EncodeFamilyRequest(std::string_view name);
std::optional<uint16_t> DecodeFamilyReply(std::span<const std::byte> datagram);

// A request to be sent the records of all tasks that end on these CPUs ("0-3,8"); acknowledged.
std::vector<std::byte> EncodeRegisterRequest(uint16_t family, std::string_view cpus);

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_TASKSTATS_H_
