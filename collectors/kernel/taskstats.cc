// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/taskstats.h"

#include <linux/acct.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/taskstats.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace cnproc {
namespace {

using Bytes = std::span<const std::byte>;

template <typename T>
T Load(Bytes bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

// The value of the first attribute of this type among those that `bytes` holds.
std::optional<Bytes> FindAttribute(Bytes bytes, uint16_t type) {
  while (bytes.size() >= NLA_HDRLEN) {
    const auto header = Load<nlattr>(bytes, 0);
    if (header.nla_len < NLA_HDRLEN || header.nla_len > bytes.size()) return std::nullopt;
    if ((header.nla_type & NLA_TYPE_MASK) == type) {
      return bytes.subspan(NLA_HDRLEN, header.nla_len - NLA_HDRLEN);
    }
    bytes = bytes.subspan(std::min<size_t>(NLA_ALIGN(header.nla_len), bytes.size()));
  }
  return std::nullopt;
}

// The offsets are those of the header. One of version 15 has them elsewhere: build with another.
static_assert(offsetof(taskstats, ac_comm) == 80, "linux/taskstats.h is of version 15");

// Version 15 (Linux 6.14 before its stable fix) grew in the middle: a minimum and a maximum for
// each kind of delay, 16 bytes each. Three kinds stand before ac_comm, three more before ac_tgid.
// Version 16 has them at the end, as every other version has what is new.
struct Shift {
  size_t basic = 0;  // cpu_run_virtual_total, ac_comm and all up to the context switches
  size_t group = 0;  // ac_tgid and what follows
};
Shift ShiftOf(uint16_t version) { return version == 15 ? Shift{48, 96} : Shift{}; }

// Longer than any life: what is made of these cannot overflow, whatever a record says.
constexpr uint64_t kLongestNs = uint64_t{1} << 60;
constexpr uint64_t kLongestUs = kLongestNs / 1024;

int64_t LoadNs(Bytes bytes, size_t offset) {
  return static_cast<int64_t>(std::min(Load<uint64_t>(bytes, offset), kLongestNs));
}
int64_t LoadUs(Bytes bytes, size_t offset) {
  return static_cast<int64_t>(std::min(Load<uint64_t>(bytes, offset), kLongestUs));
}

void DecodeTimes(Bytes stats, Bytes basic, ExitRecord& record) {
  record.times_run = Load<uint64_t>(stats, offsetof(taskstats, cpu_count));
  record.run_delay_ns = LoadNs(stats, offsetof(taskstats, cpu_delay_total));
  record.scheduled_ns = LoadNs(basic, offsetof(taskstats, cpu_run_virtual_total));
  record.elapsed_us = LoadUs(basic, offsetof(taskstats, ac_etime));
  record.user_ticks_us = LoadUs(basic, offsetof(taskstats, ac_utime));
  record.system_ticks_us = LoadUs(basic, offsetof(taskstats, ac_stime));
}

void DecodeResources(Bytes basic, ExitRecord& record) {
  record.minor_faults = Load<uint64_t>(basic, offsetof(taskstats, ac_minflt));
  record.major_faults = Load<uint64_t>(basic, offsetof(taskstats, ac_majflt));
  record.peak_resident_bytes = Load<uint64_t>(basic, offsetof(taskstats, hiwater_rss)) * 1024;
  record.read_bytes = Load<uint64_t>(basic, offsetof(taskstats, read_bytes));
  record.written_bytes = Load<uint64_t>(basic, offsetof(taskstats, write_bytes));
  record.voluntary_switches = Load<uint64_t>(basic, offsetof(taskstats, nvcsw));
  record.nonvoluntary_switches = Load<uint64_t>(basic, offsetof(taskstats, nivcsw));
}

constexpr uint16_t kOldestVersion = 10;
constexpr uint16_t kGroupVersion = 12;

// Decodes by version first, then by length: a newer version may only be longer.
TaskstatsKind DecodeStats(Bytes stats, pid_t tid, ExitRecord& record) {
  if (stats.size() < sizeof(uint16_t)) return TaskstatsKind::kMalformed;
  const auto version = Load<uint16_t>(stats, offsetof(taskstats, version));
  if (version < kOldestVersion) return TaskstatsKind::kUnsupported;
  const bool has_group = version >= kGroupVersion;
  const Shift shift = ShiftOf(version);
  const size_t needed = has_group ? shift.group + offsetof(taskstats, ac_tgid) + sizeof(uint32_t)
                                  : shift.basic + offsetof(taskstats, nivcsw) + sizeof(uint64_t);
  if (stats.size() < needed) return TaskstatsKind::kMalformed;
  // The task's id stands outside of the struct too: a layout that is not what its version says
  // gives itself away.
  if (Load<int32_t>(stats, shift.basic + offsetof(taskstats, ac_pid)) != tid) {
    return TaskstatsKind::kMalformed;
  }

  const Bytes basic = stats.subspan(shift.basic);
  const auto flags = Load<uint8_t>(stats, offsetof(taskstats, ac_flag));
  std::memcpy(record.comm.data(), basic.data() + offsetof(taskstats, ac_comm),
              record.comm.size() - 1);
  record.tid = tid;
  record.parent_tgid = Load<int32_t>(basic, offsetof(taskstats, ac_ppid));
  record.wait_status = Load<uint32_t>(stats, offsetof(taskstats, ac_exitcode));
  record.real_uid = Load<uint32_t>(basic, offsetof(taskstats, ac_uid));
  record.never_execed = (flags & AFORK) != 0;
  DecodeTimes(stats, basic, record);
  DecodeResources(basic, record);
  if (has_group) {
    record.tgid = Load<int32_t>(stats, shift.group + offsetof(taskstats, ac_tgid));
    record.last_of_group = (flags & AGROUP) != 0;
  }
  return TaskstatsKind::kRecord;
}

void Append(std::vector<std::byte>& out, const void* data, size_t size) {
  const auto* bytes = static_cast<const std::byte*>(data);
  out.insert(out.end(), bytes, bytes + size);
}

// A generic netlink request with one attribute that holds a string.
std::vector<std::byte> EncodeRequest(uint16_t family, uint16_t flags, uint8_t command,
                                     uint8_t version, uint16_t attribute, std::string_view text) {
  const size_t attribute_bytes = NLA_HDRLEN + text.size() + 1;
  const size_t total = NLMSG_HDRLEN + GENL_HDRLEN + NLA_ALIGN(attribute_bytes);
  const nlmsghdr header{.nlmsg_len = static_cast<uint32_t>(total),
                        .nlmsg_type = family,
                        .nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags),
                        .nlmsg_seq = 0,
                        .nlmsg_pid = 0};
  const genlmsghdr generic{.cmd = command, .version = version, .reserved = 0};
  const nlattr attribute_header{.nla_len = static_cast<uint16_t>(attribute_bytes),
                                .nla_type = attribute};
  std::vector<std::byte> request;
  request.reserve(total);
  Append(request, &header, sizeof(header));
  Append(request, &generic, sizeof(generic));
  Append(request, &attribute_header, sizeof(attribute_header));
  Append(request, text.data(), text.size());
  request.resize(total);  // the string's NUL and the padding
  return request;
}

struct GenericMessage {
  uint8_t command = 0;
  Bytes attributes;
};

std::optional<GenericMessage> OpenGeneric(Bytes datagram, uint16_t family) {
  if (datagram.size() < NLMSG_HDRLEN + GENL_HDRLEN) return std::nullopt;
  const auto header = Load<nlmsghdr>(datagram, 0);
  if (header.nlmsg_type != family) return std::nullopt;
  return GenericMessage{Load<genlmsghdr>(datagram, NLMSG_HDRLEN).cmd,
                        datagram.subspan(NLMSG_HDRLEN + GENL_HDRLEN)};
}

}  // namespace

TaskstatsMessage DecodeTaskstats(std::span<const std::byte> datagram, uint16_t family) {
  TaskstatsMessage message;
  if (datagram.size() >= NLMSG_HDRLEN + sizeof(int32_t) &&
      Load<nlmsghdr>(datagram, 0).nlmsg_type == NLMSG_ERROR) {
    message.kind = TaskstatsKind::kReply;
    // The kernel's are from -4095 to 0; only a forged one has no counterpart.
    message.reply_errno = -std::max(Load<int32_t>(datagram, NLMSG_HDRLEN), -INT32_MAX);
    return message;
  }
  const std::optional<GenericMessage> generic = OpenGeneric(datagram, family);
  if (!generic || generic->command != TASKSTATS_CMD_NEW) return message;
  const std::optional<Bytes> task = FindAttribute(generic->attributes, TASKSTATS_TYPE_AGGR_PID);
  if (!task) return message;
  const std::optional<Bytes> tid = FindAttribute(*task, TASKSTATS_TYPE_PID);
  const std::optional<Bytes> stats = FindAttribute(*task, TASKSTATS_TYPE_STATS);
  if (!tid || tid->size() < sizeof(int32_t) || !stats) return message;
  message.kind = DecodeStats(*stats, Load<int32_t>(*tid, 0), message.record);
  return message;
}

std::vector<std::byte> EncodeFamilyRequest(std::string_view name) {
  return EncodeRequest(GENL_ID_CTRL, 0, CTRL_CMD_GETFAMILY, 1, CTRL_ATTR_FAMILY_NAME, name);
}

std::optional<uint16_t> DecodeFamilyReply(std::span<const std::byte> datagram) {
  const std::optional<GenericMessage> generic = OpenGeneric(datagram, GENL_ID_CTRL);
  if (!generic) return std::nullopt;
  const std::optional<Bytes> id = FindAttribute(generic->attributes, CTRL_ATTR_FAMILY_ID);
  if (!id || id->size() < sizeof(uint16_t)) return std::nullopt;
  return Load<uint16_t>(*id, 0);
}

std::vector<std::byte> EncodeRegisterRequest(uint16_t family, std::string_view cpus) {
  return EncodeRequest(family, NLM_F_ACK, TASKSTATS_CMD_GET, TASKSTATS_GENL_VERSION,
                       TASKSTATS_CMD_ATTR_REGISTER_CPUMASK, cpus);
}

}  // namespace cnproc
