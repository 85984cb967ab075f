// SPDX-License-Identifier: Apache-2.0
// The seam between the kernel (or a recording of it) and everything above: bytes, not events.
#ifndef CNPROC_COLLECTORS_KERNEL_DATAGRAM_H_
#define CNPROC_COLLECTORS_KERNEL_DATAGRAM_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace cnproc {

// Which of the two connector sockets a datagram came through; the values stand in recordings.
enum class SocketId : uint8_t {
  kLife = 0,       // fork, exec, exit, coredump, sid, uid to effective 0, answers to our requests
  kAttribute = 1,  // comm, ptrace, gid, every other uid, answers to others
  kComm = 2,       // no socket: the names of programs, from perf's rings (comm_message.h)
};
inline constexpr size_t kSocketCount = 2;
inline constexpr size_t kTrackCount = 3;  // with the rings

enum class ReceiveOutcome : uint8_t {
  kDatagrams,  // at least one
  kEmpty,      // nothing was queued
  kOverrun,    // ENOBUFS: the queue overflowed since the last call; what it still holds is good
};

// One datagram as recvmmsg(2) gave it. Does not own its bytes: they live until the next receive
// from the same source.
struct Datagram {
  SocketId socket = SocketId::kLife;
  uint32_t sender_port = 0;  // nl_pid of the sender; the kernel's is 0
  int64_t received_ns = 0;   // CLOCK_MONOTONIC
  std::span<const std::byte> bytes;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_DATAGRAM_H_
