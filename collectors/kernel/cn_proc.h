// SPDX-License-Identifier: Apache-2.0
// The wire format of the process connector: nlmsghdr (16 bytes), cn_msg (20), proc_event (40).
// Stateless, thread safe, reads nothing but its arguments, never past their end.
#ifndef CNPROC_COLLECTORS_KERNEL_CN_PROC_H_
#define CNPROC_COLLECTORS_KERNEL_CN_PROC_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "collectors/kernel/datagram.h"
#include "collectors/process/event.h"

namespace cnproc {

// Offsets within a datagram; proc_event is not 8-byte aligned there, so it is copied, never cast.
inline constexpr size_t kConnectorHeaderBytes = 16 + 20;
inline constexpr size_t kProcEventBytes = 40;
inline constexpr size_t kEventDatagramBytes = kConnectorHeaderBytes + kProcEventBytes;

// proc_event.what. Headers of Linux 6.6 moved these out of struct proc_event, so that neither name
// of theirs compiles everywhere.
enum class What : uint32_t {
  kNone = 0,
  kFork = 0x1,
  kExec = 0x2,
  kUid = 0x4,
  kGid = 0x40,
  kSid = 0x80,
  kPtrace = 0x100,
  kComm = 0x200,
  kCoredump = 0x40000000,
  kExit = 0x80000000,
};

enum class MessageKind : uint8_t {
  kEvent,
  kAck,            // the kernel's answer to a LISTEN, an IGNORE or a probe: anybody's
  kMalformed,      // too short, or not of the process connector
  kForeignSender,  // a perfect forgery is possible: only nl_pid tells
  kUnknownEvent,   // of a kernel newer than this code
};

struct MessageHead {
  MessageKind kind = MessageKind::kMalformed;
  // Valid for kEvent, kAck and kUnknownEvent: all three consume a sequence number of their CPU.
  uint32_t sequence = 0;
  uint32_t cpu = 0;
  uint32_t ack = 0;        // kAck: the number that the request carried, plus one
  uint32_t ack_error = 0;  // kAck: an errno, 0 = subscribed
};

struct Message : MessageHead {
  Event event;  // kEvent
};

Message DecodeConnectorMessage(const Datagram& datagram);
// Decodes an event to where it will be kept. `event` is a new one; of no use unless kEvent.
MessageHead DecodeConnectorMessage(const Datagram& datagram, Event& event);

// The operations a listener can send; any other is answered with EINVAL to the whole group
// (drivers/connector/cn_proc.c: cn_proc_mcast_ctl), which is what a probe wants.
enum class ConnectorOperation : uint32_t { kListen = 1, kIgnore = 2, kProbe = 99 };

inline constexpr size_t kRequestBytes = kConnectorHeaderBytes + sizeof(uint32_t);
using ConnectorRequest = std::array<std::byte, kRequestBytes>;

// The 4-byte form of the request, which every kernel understands. The kernel answers with
// `ack` + 1.
ConnectorRequest EncodeConnectorRequest(ConnectorOperation operation, uint32_t ack);

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_CN_PROC_H_
