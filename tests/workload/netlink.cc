// SPDX-License-Identifier: Apache-2.0
// What other tools, broken or hostile, do to a listener of the connector. Most needs root.
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/workload/workload.h"

namespace cnproc::workload {
namespace {

constexpr long kMost = 1'000'000;

// A pid that no process has on a machine with the default pid_max, and few elsewhere.
constexpr pid_t kForgedPid = 4194303;

// Kernels before and after 6.6 declare these in different scopes.
constexpr uint32_t kForkEvent = 0x1;
constexpr uint32_t kCommEvent = 0x200;

using Bytes = std::vector<char>;

template <typename T>
void Append(Bytes& bytes, const T& value) {
  const auto* data = reinterpret_cast<const char*>(&value);
  bytes.insert(bytes.end(), data, data + sizeof(value));
}

class Socket {
 public:
  Socket() : fd_(socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR)) {
    if (fd_ < 0) Die("socket");
    sockaddr_nl self{};
    self.nl_family = AF_NETLINK;
    if (bind(fd_, reinterpret_cast<sockaddr*>(&self), sizeof(self)) != 0) Die("bind");
  }
  ~Socket() { close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // To port 0 is to the kernel.
  void Send(uint32_t port, const Bytes& bytes) const {
    sockaddr_nl to{};
    to.nl_family = AF_NETLINK;
    to.nl_pid = port;
    if (sendto(fd_, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof(to)) <
        0) {
      Die("send to port " + std::to_string(port));
    }
  }

 private:
  int fd_;
};

// A datagram of the connector around payload, with whatever length the headers shall claim.
Bytes Message(const Bytes& payload, size_t claimed) {
  Bytes bytes;
  nlmsghdr header{};
  header.nlmsg_len = static_cast<uint32_t>(sizeof(nlmsghdr) + sizeof(cn_msg) + claimed);
  header.nlmsg_type = NLMSG_DONE;
  Append(bytes, header);
  cn_msg message{};
  message.id = {CN_IDX_PROC, CN_VAL_PROC};
  message.len = static_cast<uint16_t>(claimed);
  Append(bytes, message);
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

Bytes Event(uint32_t what) {
  proc_event event{};
  event.what = static_cast<decltype(event.what)>(what);
  event.timestamp_ns = static_cast<uint64_t>(Seconds() * 1e9);
  event.event_data.fork = {1, 1, kForgedPid, kForgedPid};
  Bytes bytes;
  Append(bytes, event);
  return bytes;
}

uint32_t Port(const char* text) { return static_cast<uint32_t>(Number(text, 1, UINT32_MAX)); }

void Forge(Arguments arguments) {
  const Socket socket;
  const uint32_t port = Port(arguments[0]);
  const long count = Number(arguments[1], 1, kMost);
  const bool comm = arguments.size() > 2 && std::string_view(arguments[2]) == "comm";
  const Bytes event = Event(comm ? kCommEvent : kForkEvent);
  for (long i = 0; i < count; ++i) socket.Send(port, Message(event, event.size()));
}

// Every shape that a careless decoder trips over: cut at each length, and headers that lie.
void Broken(Arguments arguments) {
  const Socket socket;
  const uint32_t port = Port(arguments[0]);
  for (const uint32_t what :
       {kForkEvent, 0x2U, kCommEvent, 0x80000000U, 0xffffffffU, 0xdeadbeefU}) {
    const Bytes event = Event(what);
    const Bytes whole = Message(event, event.size());
    for (size_t length = 1; length <= whole.size(); ++length) {
      socket.Send(port, Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length)));
    }
    for (const size_t claimed : {size_t{0}, size_t{1}, event.size() - 1, size_t{65535}}) {
      socket.Send(port, Message(event, claimed));
    }
    Bytes long_event = event;
    long_event.resize(4096, '\x5a');
    socket.Send(port, Message(long_event, long_event.size()));
  }
}

void SendOperation(const Socket& socket, uint32_t operation) {
  Bytes payload;
  Append(payload, operation);
  socket.Send(0, Message(payload, payload.size()));
}

void Ignore(Arguments arguments) {
  const Socket socket;
  const long count = Number(arguments[0], 1, kMost);
  for (long i = 0; i < count; ++i) SendOperation(socket, PROC_CN_MCAST_IGNORE);
}

void Listen(Arguments arguments) {
  const long count = Number(arguments[0], 1, kMost);
  for (long i = 0; i < count; ++i) {
    const Socket socket;
    SendOperation(socket, PROC_CN_MCAST_LISTEN);
    SendOperation(socket, PROC_CN_MCAST_IGNORE);
  }
}

// The kernel answers each to everybody who listens.
void AckFlood(Arguments arguments) {
  constexpr auto kSend = [] {
    constexpr uint32_t kNoOperation = 99;
    static const Socket socket;  // of the child
    SendOperation(socket, kNoOperation);
  };
  const long calls =
      Flood(Number(arguments[0], 1, 64), static_cast<double>(Number(arguments[1], 1, 60)), kSend);
  std::cout << "calls=" << calls << '\n';
}

constexpr Command kCommands[] = {
    {"forge", "PORT COUNT [fork|comm]", "COUNT perfect events sent to a netlink port by root", 2, 3,
     Forge},
    {"broken", "PORT", "messages with every length and lie, sent to a netlink port", 1, 1, Broken},
    {"ignore", "COUNT", "COUNT stray IGNOREs of a tool that never listened", 1, 1, Ignore},
    {"listen", "COUNT", "COUNT tools that subscribe and leave", 1, 1, Listen},
    {"ack-flood", "PROCESSES SECONDS",
     "unprivileged PROCESSES that ask for what is none; prints calls", 2, 2, AckFlood},
};

}  // namespace

std::span<const Command> NetlinkCommands() { return kCommands; }

}  // namespace cnproc::workload
