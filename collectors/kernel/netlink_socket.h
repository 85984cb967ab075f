// SPDX-License-Identifier: Apache-2.0
// A netlink socket that is read in batches and knows exactly what it lost.
#ifndef CNPROC_COLLECTORS_KERNEL_NETLINK_SOCKET_H_
#define CNPROC_COLLECTORS_KERNEL_NETLINK_SOCKET_H_

#include <linux/filter.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collectors/base/unique_fd.h"
#include "collectors/kernel/datagram.h"

namespace cnproc {

// Room for one recvmmsg(2): allocated once, reused for every call. Not thread safe.
class ReceiveBatch {
 public:
  // To be told the sender costs about 70 ns a datagram.
  enum class Senders : uint8_t { kTold, kUntold };

  // A datagram longer than `bytes_each` is cut to it.
  ReceiveBatch(size_t capacity, size_t bytes_each, Senders senders);
  ReceiveBatch(const ReceiveBatch&) = delete;
  ReceiveBatch& operator=(const ReceiveBatch&) = delete;

  size_t capacity() const { return headers_.size(); }
  size_t size() const { return size_; }
  // Valid until the next receive into this batch.
  std::span<const std::byte> bytes(size_t index) const;
  // With Senders::kTold alone.
  uint32_t sender_port(size_t index) const { return senders_[index].nl_pid; }

 private:
  friend class NetlinkSocket;

  const size_t bytes_each_;
  size_t size_ = 0;
  std::vector<std::byte> storage_;
  std::vector<iovec> vectors_;
  std::vector<sockaddr_nl> senders_;  // empty if untold
  std::vector<mmsghdr> headers_;
};

struct ReceiveBufferGrant {
  uint32_t bytes = 0;   // as the kernel accounts it: twice of what was asked
  bool forced = false;  // SO_RCVBUFFORCE was allowed (CAP_NET_ADMIN), net.core.rmem_max passed by
};

// Owns its descriptor. Not thread safe, but for being moved to another thread.
class NetlinkSocket {
 public:
  // Non-blocking, close-on-exec, with a port id that the kernel chooses: getpid() collides between
  // containers that share a network namespace. `filter` is attached before the socket joins
  // `groups` (a bit mask), so that nothing unfiltered is ever queued; an empty one filters nothing.
  static absl::StatusOr<NetlinkSocket> Open(int protocol, uint32_t groups,
                                            std::span<const sock_filter> filter);

  int fd() const { return fd_.get(); }

  // Takes the place of the one that was attached.
  absl::Status AttachFilter(std::span<const sock_filter> filter) const;

  // From now on the kernel alone can send to this socket's port; anybody else is told ECONNREFUSED
  // (net/netlink/af_netlink.c: netlink_getsockbyportid). What is sent to a group still comes.
  absl::Status ConnectToKernel() const;

  absl::StatusOr<ReceiveBufferGrant> RequestReceiveBuffer(uint32_t bytes);
  absl::Status Send(std::span<const std::byte> datagram) const;
  // Never blocks. Errors are those of the socket itself, not of a datagram.
  absl::StatusOr<ReceiveOutcome> Receive(ReceiveBatch& batch) const;
  // Datagrams that this socket lost since it was opened, exactly: SK_MEMINFO_DROPS of SO_MEMINFO,
  // which ENOBUFS is not (one ENOBUFS stands for any number of them). Counts on past 2^32 as long
  // as it is called before 2^32 more are lost.
  absl::StatusOr<uint64_t> Drops();

 private:
  UniqueFd fd_;
  uint64_t drops_ = 0;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_NETLINK_SOCKET_H_
