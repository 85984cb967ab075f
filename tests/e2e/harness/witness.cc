// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/harness/witness.h"

#include <arpa/inet.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <vector>

#include "tests/e2e/harness/error.h"

namespace cnproc::e2e {
namespace {

constexpr int kReceiveBufferBytes = 256 << 20;
constexpr size_t kBatch = 256;
constexpr size_t kLongestDatagram = 256;  // what is longer is no event
constexpr size_t kEventOffset = NLMSG_HDRLEN + sizeof(cn_msg);
constexpr size_t kDatagramBytes = kEventOffset + sizeof(proc_event);

constexpr uint32_t kForkEvent = 0x1;

// Kernels before and after 6.6 declare the enumeration in different scopes.
const std::map<uint32_t, std::string>& EventNames() {
  static const std::map<uint32_t, std::string> kNames = {
      {kForkEvent, "fork"}, {0x2, "exec"},     {0x4, "uid"},    {0x40, "gid"},
      {0x80, "sid"},        {0x100, "ptrace"}, {0x200, "comm"}, {0x40000000, "coredump"},
      {0x80000000, "exit"}};
  return kNames;
}

int OpenSocket() {
  const int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
  if (fd < 0) FailErrno("a netlink socket of the connector");
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBufferBytes, sizeof(kReceiveBufferBytes));
  sockaddr_nl self{};
  self.nl_family = AF_NETLINK;
  self.nl_groups = CN_IDX_PROC;
  if (bind(fd, reinterpret_cast<sockaddr*>(&self), sizeof(self)) != 0) {
    FailErrno("binding to the process connector");
  }
  return fd;
}

// Drops COMM events before they are queued.
// COMM, and NONE: the kernel's answer to anybody's request.
void FilterFloods(int fd) {
  sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kEventOffset),
                        // BPF loads in network order, the event is in the host's.
                        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(0x200), 1, 0),
                        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(0x0), 0, 1),
                        BPF_STMT(BPF_RET | BPF_K, 0), BPF_STMT(BPF_RET | BPF_K, 0xffffffff)};
  const sock_fprog program{std::size(code), code};
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0) {
    FailErrno("SO_ATTACH_FILTER");
  }
}

void SendOperation(int fd, uint32_t operation) {
  std::array<char, kEventOffset + sizeof(operation)> bytes{};
  nlmsghdr header{};
  header.nlmsg_len = bytes.size();
  header.nlmsg_type = NLMSG_DONE;
  cn_msg message{};
  message.id = {CN_IDX_PROC, CN_VAL_PROC};
  message.len = sizeof(operation);
  std::memcpy(bytes.data(), &header, sizeof(header));
  std::memcpy(bytes.data() + NLMSG_HDRLEN, &message, sizeof(message));
  std::memcpy(bytes.data() + kEventOffset, &operation, sizeof(operation));
  if (send(fd, bytes.data(), bytes.size(), 0) < 0) FailErrno("sending to the connector");
}

// Any event or answer proves that the kernel sends; the child's makes one for certain.
bool Hears(int fd) {
  pollfd wait{fd, POLLIN, 0};
  return poll(&wait, 1, 300) > 0;
}

uint32_t Drops(int fd) {
  std::array<uint32_t, SK_MEMINFO_VARS> info{};
  socklen_t length = sizeof(info);
  if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info.data(), &length) != 0) FailErrno("SO_MEMINFO");
  return info[SK_MEMINFO_DROPS];
}

}  // namespace

int64_t Seen::Total() const {
  int64_t total = 0;
  for (const auto& [name, count] : events) total += count;
  return total;
}

Seen operator-(const Seen& after, const Seen& before) {
  Seen difference = after;
  for (const auto& [name, count] : before.events) difference.events[name] -= count;
  difference.process_forks -= before.process_forks;
  difference.thread_forks -= before.thread_forks;
  difference.foreign -= before.foreign;
  return difference;
}

Witness::Witness(Floods floods) : fd_(OpenSocket()), descendants_({getpid()}) {
  for (const auto& [what, name] : EventNames()) seen_.events[name] = 0;
  bool hears = false;
  for (int attempt = 0; attempt < 10 && !hears; ++attempt) {
    SendOperation(fd_, PROC_CN_MCAST_LISTEN);
    hears = Hears(fd_);
  }
  if (!hears) Fail("no process events from this kernel");
  if (floods == Floods::kFilter) FilterFloods(fd_);
  thread_ = std::thread([this] { Listen(); });
}

Witness::~Witness() {
  stop_ = true;
  thread_.join();
  try {
    SendOperation(fd_, PROC_CN_MCAST_IGNORE);
  } catch (const HarnessError&) {
    // Nothing to be done about a kernel that does not listen.
  }
  close(fd_);
}

void Witness::Listen() {
  std::vector<std::array<char, kLongestDatagram>> datagrams(kBatch);
  std::vector<sockaddr_nl> senders(kBatch);
  std::vector<iovec> parts(kBatch);
  std::vector<mmsghdr> messages(kBatch);
  while (!stop_) {
    pollfd wait{fd_, POLLIN, 0};
    poll(&wait, 1, 50);
    int got = 0;
    do {
      for (size_t i = 0; i < kBatch; ++i) {
        parts[i] = {datagrams[i].data(), kLongestDatagram};
        messages[i] = {};
        messages[i].msg_hdr = {&senders[i], sizeof(sockaddr_nl), &parts[i], 1, nullptr, 0, 0};
      }
      got = recvmmsg(fd_, messages.data(), kBatch, MSG_DONTWAIT, nullptr);
      const std::lock_guard lock(mutex_);
      for (int i = 0; i < got; ++i) {
        const auto n = static_cast<size_t>(i);
        if (senders[n].nl_pid == 0) Count(datagrams[n].data(), messages[n].msg_len);
      }
    } while (got > 0);
    usleep(1000);  // at its own pace, so that it does not slow what it watches
  }
}

void Witness::Count(const char* datagram, size_t length) {
  if (length < kDatagramBytes) return;
  proc_event event{};
  std::memcpy(&event, datagram + kEventOffset, sizeof(event));
  const auto name = EventNames().find(event.what);
  if (name == EventNames().end()) return;
  // All but FORK begin with the pid and the tgid of the process.
  const bool is_fork = event.what == kForkEvent;
  const auto& fork = event.event_data.fork;
  const pid_t tgid = is_fork ? fork.child_tgid : event.event_data.exec.process_tgid;
  ++seen_.events[name->second];
  if (is_fork && fork.child_pid == fork.child_tgid) {
    ++seen_.process_forks;
    if (descendants_.count(fork.parent_tgid) != 0) descendants_.insert(tgid);
  } else if (is_fork) {
    ++seen_.thread_forks;
  }
  if (descendants_.count(tgid) == 0) ++seen_.foreign;
}

Seen Witness::Look() const {
  if (Drops(fd_) != 0) Fail("the witness itself lost events");
  const std::lock_guard lock(mutex_);
  return seen_;
}

bool Witness::WaitForSilence(milliseconds silence, milliseconds limit) const {
  const auto end = Clock::now() + limit;
  int64_t count = Look().Total();
  auto since = Clock::now();
  while (Clock::now() - since < silence) {
    if (Clock::now() > end) return false;
    std::this_thread::sleep_for(milliseconds(2));
    const int64_t now = Look().Total();
    if (now != count) since = Clock::now();
    count = now;
  }
  return true;
}

}  // namespace cnproc::e2e
