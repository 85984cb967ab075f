// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/netlink_socket.h"

#include <linux/sock_diag.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <utility>

namespace cnproc {
namespace {

// Up to the port id: the group is of no interest, and a whole word is cheaper to copy.
constexpr socklen_t kSenderBytes = offsetof(sockaddr_nl, nl_groups);

sockaddr_nl KernelAddress() {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  return kernel;
}

}  // namespace

ReceiveBatch::ReceiveBatch(size_t capacity, size_t bytes_each, Senders senders)
    : bytes_each_(bytes_each),
      storage_(capacity * bytes_each),
      vectors_(capacity),
      senders_(senders == Senders::kTold ? capacity : 0),
      headers_(capacity) {
  for (size_t i = 0; i < capacity; ++i) {
    vectors_[i] = {.iov_base = storage_.data() + i * bytes_each, .iov_len = bytes_each};
    headers_[i].msg_hdr.msg_iov = &vectors_[i];
    headers_[i].msg_hdr.msg_iovlen = 1;
    if (senders == Senders::kUntold) continue;
    headers_[i].msg_hdr.msg_name = &senders_[i];
    headers_[i].msg_hdr.msg_namelen = kSenderBytes;
  }
}

std::span<const std::byte> ReceiveBatch::bytes(size_t index) const {
  return {storage_.data() + index * bytes_each_,
          std::min<size_t>(headers_[index].msg_len, bytes_each_)};
}

absl::StatusOr<NetlinkSocket> NetlinkSocket::Open(int protocol, uint32_t groups,
                                                  std::span<const sock_filter> filter) {
  NetlinkSocket result;
  result.fd_.Reset(socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  if (!result.fd_) return absl::ErrnoToStatus(errno, "socket(AF_NETLINK)");
  if (!filter.empty()) {
    if (absl::Status status = result.AttachFilter(filter); !status.ok()) return status;
  }
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (bind(result.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return absl::ErrnoToStatus(errno, "bind(AF_NETLINK)");
  }
  return result;
}

absl::Status NetlinkSocket::AttachFilter(std::span<const sock_filter> filter) const {
  // The kernel copies the program and does not write to it.
  const sock_fprog program{.len = static_cast<unsigned short>(filter.size()),
                           .filter = const_cast<sock_filter*>(filter.data())};
  if (setsockopt(fd(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0) {
    return absl::ErrnoToStatus(errno, "setsockopt(SO_ATTACH_FILTER)");
  }
  return absl::OkStatus();
}

absl::StatusOr<ReceiveBufferGrant> NetlinkSocket::RequestReceiveBuffer(uint32_t bytes) {
  const int asked = static_cast<int>(std::min<uint32_t>(bytes, INT32_MAX / 2));
  ReceiveBufferGrant grant;
  grant.forced = setsockopt(fd(), SOL_SOCKET, SO_RCVBUFFORCE, &asked, sizeof(asked)) == 0;
  if (!grant.forced && setsockopt(fd(), SOL_SOCKET, SO_RCVBUF, &asked, sizeof(asked)) != 0) {
    return absl::ErrnoToStatus(errno, "setsockopt(SO_RCVBUF)");
  }
  int granted = 0;
  socklen_t length = sizeof(granted);
  if (getsockopt(fd(), SOL_SOCKET, SO_RCVBUF, &granted, &length) != 0) {
    return absl::ErrnoToStatus(errno, "getsockopt(SO_RCVBUF)");
  }
  grant.bytes = static_cast<uint32_t>(granted);
  return grant;
}

absl::Status NetlinkSocket::ConnectToKernel() const {
  const sockaddr_nl kernel = KernelAddress();
  if (connect(fd(), reinterpret_cast<const sockaddr*>(&kernel), sizeof(kernel)) != 0) {
    return absl::ErrnoToStatus(errno, "connect(AF_NETLINK)");
  }
  return absl::OkStatus();
}

absl::Status NetlinkSocket::Send(std::span<const std::byte> datagram) const {
  const sockaddr_nl kernel = KernelAddress();
  if (sendto(fd(), datagram.data(), datagram.size(), 0, reinterpret_cast<const sockaddr*>(&kernel),
             sizeof(kernel)) < 0) {
    return absl::ErrnoToStatus(errno, "sendto(AF_NETLINK)");
  }
  return absl::OkStatus();
}

absl::StatusOr<ReceiveOutcome> NetlinkSocket::Receive(ReceiveBatch& batch) const {
  // The kernel has written how long the address is.
  for (size_t i = 0; i < batch.size_ && !batch.senders_.empty(); ++i) {
    batch.headers_[i].msg_hdr.msg_namelen = kSenderBytes;
  }
  batch.size_ = 0;
  const int count = recvmmsg(fd(), batch.headers_.data(), static_cast<unsigned>(batch.capacity()),
                             MSG_DONTWAIT, nullptr);
  if (count > 0) {
    batch.size_ = static_cast<size_t>(count);
    return ReceiveOutcome::kDatagrams;
  }
  if (count == 0 || errno == EAGAIN || errno == EINTR) return ReceiveOutcome::kEmpty;
  if (errno == ENOBUFS) return ReceiveOutcome::kOverrun;
  return absl::ErrnoToStatus(errno, "recvmmsg(AF_NETLINK)");
}

absl::StatusOr<uint64_t> NetlinkSocket::Drops() {
  std::array<uint32_t, SK_MEMINFO_VARS> memory{};
  socklen_t length = sizeof(memory);
  if (getsockopt(fd(), SOL_SOCKET, SO_MEMINFO, memory.data(), &length) != 0) {
    return absl::ErrnoToStatus(errno, "getsockopt(SO_MEMINFO)");
  }
  // Unsigned subtraction takes the wrap of the kernel's 32-bit counter in its stride.
  drops_ += memory[SK_MEMINFO_DROPS] - static_cast<uint32_t>(drops_);
  return drops_;
}

}  // namespace cnproc
