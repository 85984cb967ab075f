// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/cn_proc.h"

#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>

#include <cstring>

namespace cnproc {
namespace {

static_assert(sizeof(nlmsghdr) + sizeof(cn_msg) == kConnectorHeaderBytes);
static_assert(sizeof(proc_event) == kProcEventBytes);

// A century since boot: recordings can hold anything, and times are added up.
constexpr uint64_t kMaxTimestampNs = uint64_t{1} << 62;

void DecodeFork(const proc_event& raw, Event& event) {
  const auto& fork = raw.event_data.fork;
  event.type = EventType::kFork;
  event.tid = fork.child_pid;
  event.tgid = fork.child_tgid;
  event.parent_tid = fork.parent_pid;
  event.parent_tgid = fork.parent_tgid;
}

void DecodeId(const proc_event& raw, EventType type, Event& event) {
  const auto& id = raw.event_data.id;
  event.type = type;
  event.tid = id.process_pid;
  event.tgid = id.process_tgid;
  event.real_id = id.r.ruid;
  event.effective_id = id.e.euid;
}

void DecodePtrace(const proc_event& raw, Event& event) {
  const auto& ptrace = raw.event_data.ptrace;
  event.type = EventType::kPtrace;
  event.tid = ptrace.process_pid;
  event.tgid = ptrace.process_tgid;
  event.parent_tid = ptrace.tracer_pid;
  event.parent_tgid = ptrace.tracer_tgid;
}

void DecodeExit(const proc_event& raw, Event& event) {
  const auto& exit = raw.event_data.exit;
  event.type = EventType::kExit;
  event.tid = exit.process_pid;
  event.tgid = exit.process_tgid;
  event.parent_tid = exit.parent_pid;
  event.parent_tgid = exit.parent_tgid;
  event.wait_status = exit.exit_code;
}

// Returns false for an event that this code does not know.
bool DecodeEvent(const proc_event& raw, Event& event) {
  event.cpu = raw.cpu;
  event.timestamp_ns = static_cast<int64_t>(raw.timestamp_ns);
  switch (static_cast<What>(raw.what)) {  // or a value of a newer kernel
    case What::kFork:
      DecodeFork(raw, event);
      return true;
    case What::kExec:
      event.type = EventType::kExec;
      event.tid = raw.event_data.exec.process_pid;
      event.tgid = raw.event_data.exec.process_tgid;
      return true;
    case What::kUid:
      DecodeId(raw, EventType::kUid, event);
      return true;
    case What::kGid:
      DecodeId(raw, EventType::kGid, event);
      return true;
    case What::kSid:
      event.type = EventType::kSid;
      event.tid = raw.event_data.sid.process_pid;
      event.tgid = raw.event_data.sid.process_tgid;
      return true;
    case What::kPtrace:
      DecodePtrace(raw, event);
      return true;
    case What::kComm:
      event.type = EventType::kComm;
      event.tid = raw.event_data.comm.process_pid;
      event.tgid = raw.event_data.comm.process_tgid;
      return true;
    case What::kCoredump:
      event.type = EventType::kCoredump;
      event.tid = raw.event_data.coredump.process_pid;
      event.tgid = raw.event_data.coredump.process_tgid;
      event.parent_tid = raw.event_data.coredump.parent_pid;
      event.parent_tgid = raw.event_data.coredump.parent_tgid;
      return true;
    case What::kExit:
      DecodeExit(raw, event);
      return true;
    default:
      return false;
  }
}

}  // namespace

Message DecodeConnectorMessage(const Datagram& datagram) {
  Message message;
  static_cast<MessageHead&>(message) = DecodeConnectorMessage(datagram, message.event);
  return message;
}

MessageHead DecodeConnectorMessage(const Datagram& datagram, Event& event) {
  MessageHead message;
  if (datagram.sender_port != 0) {
    message.kind = MessageKind::kForeignSender;
    return message;
  }
  if (datagram.bytes.size() < kEventDatagramBytes) return message;
  nlmsghdr netlink;
  cn_msg connector;
  proc_event raw;
  const std::byte* bytes = datagram.bytes.data();
  std::memcpy(&netlink, bytes, sizeof(netlink));
  std::memcpy(&connector, bytes + sizeof(netlink), sizeof(connector));
  std::memcpy(&raw, bytes + kConnectorHeaderBytes, sizeof(raw));
  // A longer event is a newer kernel's and begins like ours; a shorter one is none.
  if (netlink.nlmsg_type != NLMSG_DONE || netlink.nlmsg_len < kEventDatagramBytes ||
      connector.id.idx != CN_IDX_PROC || connector.id.val != CN_VAL_PROC ||
      connector.len < kProcEventBytes || raw.timestamp_ns > kMaxTimestampNs) {
    return message;
  }
  message.sequence = connector.seq;
  message.cpu = raw.cpu;
  if (static_cast<What>(raw.what) == What::kNone) {
    message.kind = MessageKind::kAck;
    message.ack = connector.ack;
    message.ack_error = raw.event_data.ack.err;
    return message;
  }
  message.kind = DecodeEvent(raw, event) ? MessageKind::kEvent : MessageKind::kUnknownEvent;
  return message;
}

ConnectorRequest EncodeConnectorRequest(ConnectorOperation operation, uint32_t ack) {
  nlmsghdr netlink{};
  netlink.nlmsg_len = kRequestBytes;
  netlink.nlmsg_type = NLMSG_DONE;
  cn_msg connector{};
  connector.id = {.idx = CN_IDX_PROC, .val = CN_VAL_PROC};
  connector.ack = ack;
  connector.len = sizeof(uint32_t);
  const auto op = static_cast<uint32_t>(operation);
  ConnectorRequest request{};
  std::memcpy(request.data(), &netlink, sizeof(netlink));
  std::memcpy(request.data() + sizeof(netlink), &connector, sizeof(connector));
  std::memcpy(request.data() + kConnectorHeaderBytes, &op, sizeof(op));
  return request;
}

}  // namespace cnproc
