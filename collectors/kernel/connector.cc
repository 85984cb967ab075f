// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/connector.h"

#include <fcntl.h>
#include <linux/connector.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "collectors/kernel/clock.h"
#include "collectors/kernel/connector_advice.h"
#include "collectors/kernel/socket_filter.h"

namespace cnproc {
namespace {

// 76 bytes are an event; a newer kernel's may be longer.
constexpr size_t kDatagramBytes = 128;
constexpr std::array<size_t, kSocketCount> kBatchSizes = {128, 256};
// Holds about 600 events: enough for what a quiet machine does between two reads.
constexpr uint32_t kAttributeBufferBytes = 256u << 10;
constexpr int64_t kSubscribeTimeoutNs = 2 * kNsPerSecond;
// The kernel answers before send() returns, unless its listener count is below zero: then no LISTEN
// is answered until enough were sent (before 6.6).
constexpr int64_t kAckTimeoutNs = 20 * kNsPerMs;

uint32_t RandomNumber() { return std::random_device{}(); }

// One after the other they hold as many CPUs as there are bits: CPU_SETSIZE each.
using CpuSet = std::vector<cpu_set_t>;
size_t BytesOf(const CpuSet& set) { return set.size() * sizeof(cpu_set_t); }

// The kernel refuses with EINVAL a set smaller than the number of CPUs it was built for.
absl::StatusOr<CpuSet> AllowedCpus() {
  constexpr size_t kMostSets = 64;
  CpuSet allowed(1);
  while (sched_getaffinity(0, BytesOf(allowed), allowed.data()) != 0) {
    if (errno != EINVAL || allowed.size() >= kMostSets) {
      return absl::ErrnoToStatus(errno, "sched_getaffinity");
    }
    allowed.resize(2 * allowed.size());
  }
  return allowed;
}

}  // namespace

Connector::Connector(ConnectorOptions options) : options_(std::move(options)) {
  for (size_t i = 0; i < kSocketCount; ++i) {
    batches_[i] = std::make_unique<ReceiveBatch>(kBatchSizes[i], kDatagramBytes,
                                                 ReceiveBatch::Senders::kTold);
    datagrams_[i].reserve(kBatchSizes[i]);
  }
}

absl::StatusOr<std::unique_ptr<Connector>> Connector::Open(const ConnectorOptions& options) {
  std::unique_ptr<Connector> connector(new Connector(options));
  if (absl::Status status = connector->Subscribe(/*renew=*/true); !status.ok()) return status;
  return connector;
}

Connector::~Connector() {
  for (const SocketId id : {SocketId::kLife, SocketId::kAttribute}) Retire(id);
}

void Connector::Retire(SocketId id) {
  const auto index = static_cast<size_t>(id);
  if (sockets_[index].fd() < 0) return;
  const absl::StatusOr<uint64_t> drops = sockets_[index].Drops();
  if (drops.ok()) drops_of_closed_sockets_[index] += *drops;
  // LISTEN went through the life socket. Of an error nobody is left to be told.
  if (id == SocketId::kLife) {
    (void)sockets_[index].Send(EncodeConnectorRequest(ConnectorOperation::kIgnore, 0));
  }
  sockets_[index] = NetlinkSocket();
}

absl::Status Connector::OpenSockets() {
  if (options_.network_namespace.empty()) return OpenSocketsHere();
  // setns() changes the calling thread for good, so it gets a thread of its own.
  absl::Status status;
  std::thread opener([this, &status] {
    const int fd = open(options_.network_namespace.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET) != 0) {
      status = AdviseOnNamespace(errno, options_.network_namespace);
    } else {
      status = OpenSocketsHere();
    }
    if (fd >= 0) close(fd);
  });
  opener.join();
  return status;
}

absl::Status Connector::OpenSocketsHere() {
  constexpr uint32_t kGroup = 1u << (CN_IDX_PROC - 1);
  for (const SocketId id : {SocketId::kLife, SocketId::kAttribute}) {
    const auto index = static_cast<size_t>(id);
    absl::StatusOr<NetlinkSocket> opened =
        NetlinkSocket::Open(NETLINK_CONNECTOR, kGroup, ConnectorFilter(id));
    if (!opened.ok()) return AdviseOnOpen(opened.status());
    absl::StatusOr<ReceiveBufferGrant> grant = opened->RequestReceiveBuffer(
        id == SocketId::kLife ? options_.receive_buffer_bytes : kAttributeBufferBytes);
    if (!grant.ok()) return grant.status();
    if (id == SocketId::kLife) grant_ = *grant;
    Retire(id);
    sockets_[index] = *std::move(opened);
  }
  absl::StatusOr<NetlinkSocket> probe = NetlinkSocket::Open(NETLINK_CONNECTOR, 0, {});
  if (!probe.ok()) return AdviseOnOpen(probe.status());
  probe_socket_ = *std::move(probe);
  return absl::OkStatus();
}

absl::Status Connector::Subscribe(bool renew) {
  if (renew) {
    if (absl::Status status = OpenSockets(); !status.ok()) return status;
  }
  return Listen();
}

absl::Status Connector::Listen() {
  const int64_t deadline_ns = MonotonicNs() + kSubscribeTimeoutNs;
  do {
    const uint32_t ack = RandomNumber();
    const absl::Status sent =
        socket(SocketId::kLife).Send(EncodeConnectorRequest(ConnectorOperation::kListen, ack));
    if (!sent.ok()) return AdviseOnSend(sent);
    absl::StatusOr<bool> acknowledged = AwaitAck(ack + 1, MonotonicNs() + kAckTimeoutNs);
    if (!acknowledged.ok()) return acknowledged.status();
    if (*acknowledged) return absl::OkStatus();
  } while (MonotonicNs() < deadline_ns);
  return AdviseOnSilence(options_.procfs_root);
}

// Events read meanwhile came before the subscription: the scan of /proc that follows knows better.
absl::StatusOr<bool> Connector::AwaitAck(uint32_t ack, int64_t deadline_ns) {
  while (true) {
    absl::StatusOr<SourceRead> read = Read(SocketId::kLife);
    if (!read.ok()) return read.status();
    for (const Datagram& datagram : read->datagrams) {
      const Message message = DecodeConnectorMessage(datagram);
      if (message.kind != MessageKind::kAck || message.ack != ack) continue;
      if (message.ack_error == 0) return true;
      return AdviseOnRefusal(static_cast<int>(message.ack_error));
    }
    if (read->outcome != ReceiveOutcome::kEmpty) continue;
    const int64_t left_ns = deadline_ns - MonotonicNs();
    if (left_ns <= 0) return false;
    Wait(-1, left_ns);
  }
}

absl::Status Connector::Probe() {
  const absl::StatusOr<CpuSet> allowed = AllowedCpus();
  if (!allowed.ok()) return allowed.status();
  const ConnectorRequest request =
      EncodeConnectorRequest(ConnectorOperation::kProbe, RandomNumber());
  absl::Status status;
  const size_t set_bytes = BytesOf(*allowed);
  for (size_t cpu = 0; cpu < set_bytes * CHAR_BIT && status.ok(); ++cpu) {
    if (!CPU_ISSET_S(cpu, set_bytes, allowed->data())) continue;
    CpuSet one(allowed->size());
    CPU_SET_S(cpu, set_bytes, one.data());
    // A CPU that was just taken offline has no events to be asked for.
    if (sched_setaffinity(0, set_bytes, one.data()) == 0) status = probe_socket_.Send(request);
  }
  if (sched_setaffinity(0, set_bytes, allowed->data()) != 0 && status.ok()) {
    status = absl::ErrnoToStatus(errno, "sched_setaffinity");
  }
  return status;
}

void Connector::Wait(int wake_fd, int64_t timeout_ns) {
  std::array<pollfd, 3> fds = {{
      {.fd = socket(SocketId::kLife).fd(), .events = POLLIN, .revents = 0},
      {.fd = socket(SocketId::kAttribute).fd(), .events = POLLIN, .revents = 0},
      {.fd = wake_fd, .events = POLLIN, .revents = 0},  // poll ignores a negative one
  }};
  const timespec timeout = {.tv_sec = timeout_ns / kNsPerSecond,
                            .tv_nsec = timeout_ns % kNsPerSecond};
  ppoll(fds.data(), fds.size(), &timeout, nullptr);
}

absl::StatusOr<SourceRead> Connector::Read(SocketId id) {
  const auto index = static_cast<size_t>(id);
  ReceiveBatch& batch = *batches_[index];
  absl::StatusOr<ReceiveOutcome> outcome = sockets_[index].Receive(batch);
  if (!outcome.ok()) return outcome.status();
  if (*outcome != ReceiveOutcome::kDatagrams) return SourceRead{.outcome = *outcome};
  const int64_t now_ns = MonotonicNs();
  std::vector<Datagram>& datagrams = datagrams_[index];
  datagrams.clear();
  for (size_t i = 0; i < batch.size(); ++i) {
    datagrams.push_back({.socket = id,
                         .sender_port = batch.sender_port(i),
                         .received_ns = now_ns,
                         .bytes = batch.bytes(i)});
  }
  return SourceRead{.outcome = ReceiveOutcome::kDatagrams,
                    .may_have_more = batch.size() == batch.capacity(),
                    .datagrams = datagrams};
}

absl::StatusOr<uint64_t> Connector::Drops(SocketId id) {
  const auto index = static_cast<size_t>(id);
  absl::StatusOr<uint64_t> drops = sockets_[index].Drops();
  if (!drops.ok()) return drops.status();
  return drops_of_closed_sockets_[index] + *drops;
}

int64_t Connector::NowNs() const { return MonotonicNs(); }

int64_t Connector::UnixOffsetNs() const { return RealtimeNs() - MonotonicNs(); }

}  // namespace cnproc
