// SPDX-License-Identifier: Apache-2.0
// The readers that the exporter is compared with. They count and do nothing else.
//   naive:      wakes for each event and receives it alone, as most tools do
//   bare:       two sockets divided by BPF, each drained with recvmmsg every 2 ms: what the
//               exporter's own way of reading costs without anything done with the events
//   taskstats:  as bare, and the exit records of all CPUs through a third socket
#include <arpa/inet.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/taskstats.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/kernel/taskstats.h"

namespace {

constexpr size_t kEventOffset = NLMSG_HDRLEN + sizeof(cn_msg);
constexpr uint32_t kAttributeEvents[] = {0x4, 0x40, 0x100, 0x200};  // uid, gid, ptrace, comm
constexpr int kPaceMicroseconds = 2000;
constexpr unsigned kBatch = 64;

volatile std::sig_atomic_t stopped = 0;

void Die(const char* what) {
  std::cerr << "cnproc_reader: " << what << ": " << std::strerror(errno) << '\n';
  std::exit(1);
}

int Subscribe() {
  const int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR);
  if (fd < 0) Die("socket");
  const int buffer = 8 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
  sockaddr_nl self{};
  self.nl_family = AF_NETLINK;
  self.nl_groups = CN_IDX_PROC;
  if (bind(fd, reinterpret_cast<sockaddr*>(&self), sizeof(self)) != 0) Die("bind");
  std::array<char, kEventOffset + 4> bytes{};
  nlmsghdr header{};
  header.nlmsg_len = bytes.size();
  header.nlmsg_type = NLMSG_DONE;
  cn_msg message{};
  message.id = {CN_IDX_PROC, CN_VAL_PROC};
  message.len = 4;
  const uint32_t listen = PROC_CN_MCAST_LISTEN;
  std::memcpy(bytes.data(), &header, sizeof(header));
  std::memcpy(bytes.data() + NLMSG_HDRLEN, &message, sizeof(message));
  std::memcpy(bytes.data() + kEventOffset, &listen, sizeof(listen));
  if (send(fd, bytes.data(), bytes.size(), 0) < 0) Die("send");
  return fd;
}

// Lets only the attribute events through, or only the others.
void Filter(int fd, bool attributes) {
  std::vector<sock_filter> code = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kEventOffset)};
  constexpr auto kCount = static_cast<uint8_t>(std::size(kAttributeEvents));
  for (uint8_t i = 0; i < kCount; ++i) {
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(kAttributeEvents[i]),
                            static_cast<uint8_t>(kCount - i), 0));
  }
  code.push_back(BPF_STMT(BPF_RET | BPF_K, attributes ? 0U : 0xffffffffU));
  code.push_back(BPF_STMT(BPF_RET | BPF_K, attributes ? 0xffffffffU : 0U));
  const sock_fprog program{static_cast<uint16_t>(code.size()), code.data()};
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0) Die("filter");
}

long ReadNaively() {
  const int fd = Subscribe();
  std::array<char, 4096> datagram{};
  long events = 0;
  while (stopped == 0) {
    pollfd wait{fd, POLLIN, 0};
    if (poll(&wait, 1, 100) > 0 && recv(fd, datagram.data(), datagram.size(), 0) > 0) ++events;
  }
  return events;
}

long Drain(int fd) {
  static std::array<std::array<char, 1024>, kBatch> datagrams;
  static std::array<iovec, kBatch> parts;
  static std::array<mmsghdr, kBatch> headers;
  for (unsigned i = 0; i < kBatch; ++i) {
    parts[i] = {datagrams[i].data(), datagrams[i].size()};
    headers[i] = {};
    headers[i].msg_hdr.msg_iov = &parts[i];
    headers[i].msg_hdr.msg_iovlen = 1;
  }
  long events = 0;
  for (;;) {
    const int got = recvmmsg(fd, headers.data(), kBatch, MSG_DONTWAIT, nullptr);
    if (got <= 0) return events;
    events += got;
  }
}

void Send(int fd, const std::vector<std::byte>& request) {
  if (send(fd, request.data(), request.size(), 0) < 0) Die("send to generic netlink");
}

std::span<const std::byte> ReceiveReply(int fd) {
  static std::array<std::byte, 4096> reply;
  const ssize_t length = recv(fd, reply.data(), reply.size(), 0);
  if (length < 0) Die("recv from generic netlink");
  return std::span(reply).first(static_cast<size_t>(length));
}

int RegisterForExitRecords() {
  const int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_GENERIC);
  if (fd < 0) Die("socket");
  const int buffer = 8 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
  Send(fd, cnproc::EncodeFamilyRequest(TASKSTATS_GENL_NAME));
  const auto family = cnproc::DecodeFamilyReply(ReceiveReply(fd));
  if (!family) Die("the kernel has no taskstats");
  std::string cpus;
  std::getline(std::ifstream("/sys/devices/system/cpu/possible") >> std::ws, cpus);
  Send(fd, cnproc::EncodeRegisterRequest(*family, cpus));
  if (cnproc::DecodeTaskstats(ReceiveReply(fd), *family).reply_errno != 0) Die("register");
  return fd;
}

long ReadAtItsOwnPace(bool exit_records) {
  std::vector<int> sockets = {Subscribe(), Subscribe()};
  Filter(sockets[0], false);
  Filter(sockets[1], true);
  if (exit_records) sockets.push_back(RegisterForExitRecords());
  long events = 0;
  while (stopped == 0) {
    usleep(kPaceMicroseconds);
    for (const int fd : sockets) events += Drain(fd);
  }
  return events;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view kind = argc > 1 ? argv[1] : "";
  if (kind != "naive" && kind != "bare" && kind != "taskstats") {
    std::cerr << "usage: cnproc_reader naive|bare|taskstats   (until SIGTERM)\n";
    return 2;
  }
  struct sigaction action {};
  action.sa_handler = [](int) { stopped = 1; };
  sigaction(SIGTERM, &action, nullptr);
  const long events = kind == "naive" ? ReadNaively() : ReadAtItsOwnPace(kind == "taskstats");
  std::cout << "events=" << events << '\n';
  return 0;
}
