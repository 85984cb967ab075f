// SPDX-License-Identifier: Apache-2.0
// Who can send to a socket that is connected to the kernel: needs root, as forgers do.
#include "collectors/kernel/netlink_socket.h"

#include <gtest/gtest.h>
#include <linux/genetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <vector>

#include "collectors/kernel/taskstats.h"

namespace cnproc {
namespace {

constexpr size_t kDatagramBytes = 256;

NetlinkSocket OpenGeneric() {
  absl::StatusOr<NetlinkSocket> socket = NetlinkSocket::Open(NETLINK_GENERIC, 0, {});
  EXPECT_TRUE(socket.ok()) << socket.status();
  return socket.ok() ? *std::move(socket) : NetlinkSocket();
}

// Returns the errno of sending to the port of `target`, 0 if it was sent.
int ForgeTo(const NetlinkSocket& target) {
  sockaddr_nl address{};
  socklen_t length = sizeof(address);
  EXPECT_EQ(getsockname(target.fd(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  const NetlinkSocket forger = OpenGeneric();
  const std::array<std::byte, 64> forgery{};
  const ssize_t sent = sendto(forger.fd(), forgery.data(), forgery.size(), 0,
                              reinterpret_cast<const sockaddr*>(&address), length);
  return sent < 0 ? errno : 0;
}

TEST(NetlinkSocketTest, TellsWhoSentADatagram) {
  // Given a socket that is open to everyone
  const NetlinkSocket socket = OpenGeneric();
  ReceiveBatch batch(4, kDatagramBytes, ReceiveBatch::Senders::kTold);
  // When a stranger sends to it, and then the kernel does
  ASSERT_EQ(ForgeTo(socket), 0);
  ASSERT_TRUE(socket.Send(EncodeFamilyRequest("nlctrl")).ok());
  // Then each is told by its port, in every use of the batch.
  for (int use = 0; use < 2; ++use) {
    ASSERT_EQ(*socket.Receive(batch), ReceiveOutcome::kDatagrams);
    ASSERT_EQ(batch.size(), 2U);
    EXPECT_NE(batch.sender_port(0), 0U);
    EXPECT_EQ(batch.sender_port(1), 0U);
    ASSERT_EQ(ForgeTo(socket), 0);
    ASSERT_TRUE(socket.Send(EncodeFamilyRequest("nlctrl")).ok());
  }
}

TEST(NetlinkSocketTest, ConnectedToTheKernelHearsNobodyElse) {
  // Given a socket that is connected to the kernel
  const NetlinkSocket socket = OpenGeneric();
  ASSERT_TRUE(socket.ConnectToKernel().ok());
  ReceiveBatch batch(4, kDatagramBytes, ReceiveBatch::Senders::kUntold);
  // When a stranger sends to it, then it is refused, and nothing is queued;
  EXPECT_EQ(ForgeTo(socket), ECONNREFUSED);
  EXPECT_EQ(*socket.Receive(batch), ReceiveOutcome::kEmpty);
  // and what the kernel answers still comes.
  ASSERT_TRUE(socket.Send(EncodeFamilyRequest("nlctrl")).ok());
  ASSERT_EQ(*socket.Receive(batch), ReceiveOutcome::kDatagrams);
  ASSERT_EQ(batch.size(), 1U);
  EXPECT_EQ(DecodeFamilyReply(batch.bytes(0)), GENL_ID_CTRL);
}

}  // namespace
}  // namespace cnproc
