// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/connector.h"

#include <linux/connector.h>
#include <poll.h>
#include <sched.h>

#include <cerrno>
#include <climits>
#include <random>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "collectors/base/time.h"
#include "collectors/kernel/connector_advice.h"
#include "collectors/kernel/netns.h"
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
  EndProbe();
  for (const SocketId id : {SocketId::kLife, SocketId::kAttribute}) Retire(id);
}

void Connector::Retire(SocketId id) {
  if (sockets_[id].fd() < 0) return;
  const absl::StatusOr<uint64_t> drops = sockets_[id].Drops();
  if (drops.ok()) drops_of_closed_sockets_[id] += *drops;
  // Of an error nobody is left to be told. An IGNORE without a LISTEN would be at others' expense.
  if (id == SocketId::kLife && std::exchange(listening_, false)) {
    (void)sockets_[id].Send(EncodeConnectorRequest(ConnectorOperation::kIgnore, 0));
  }
  sockets_[id] = NetlinkSocket();
}

absl::Status Connector::OpenSockets() {
  return RunInNetworkNamespace(options_.network_namespace, [this] { return OpenSocketsHere(); });
}

absl::Status Connector::OpenSocketsHere() {
  constexpr uint32_t kGroup = 1u << (CN_IDX_PROC - 1);
  const uint32_t nobodys_number = RandomNumber();
  for (const SocketId id : {SocketId::kLife, SocketId::kAttribute}) {
    absl::StatusOr<NetlinkSocket> opened =
        NetlinkSocket::Open(NETLINK_CONNECTOR, kGroup, ConnectorFilter(id, nobodys_number));
    if (!opened.ok()) return AdviseOnOpen(opened.status());
    absl::StatusOr<ReceiveBufferGrant> grant = opened->RequestReceiveBuffer(
        id == SocketId::kLife ? options_.receive_buffer_bytes : kAttributeBufferBytes);
    if (!grant.ok()) return grant.status();
    if (id == SocketId::kLife) grant_ = *grant;
    Retire(id);
    sockets_[id] = *std::move(opened);
  }
  absl::StatusOr<NetlinkSocket> probe = NetlinkSocket::Open(NETLINK_CONNECTOR, 0, {});
  if (!probe.ok()) return AdviseOnOpen(probe.status());
  probe_socket_ = *std::move(probe);
  return absl::OkStatus();
}

absl::Status Connector::Subscribe(bool renew) {
  EndProbe();
  unread_ = {};
  if (renew) {
    if (absl::Status status = OpenSockets(); !status.ok()) return status;
  }
  return Listen();
}

// Of the two filters the one that refuses is the first to change, and nobody knows the number yet:
// no answer to it can pass both sockets or neither.
absl::Status Connector::ExpectAnswersTo(uint32_t request) {
  for (const SocketId id : {SocketId::kAttribute, SocketId::kLife}) {
    // The kernel's answer bears the next number.
    const ConnectorFilterProgram filter = ConnectorFilter(id, request + 1);
    if (absl::Status status = socket(id).AttachFilter(filter); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Connector::Listen() {
  const int64_t deadline_ns = MonotonicNs() + kSubscribeTimeoutNs;
  do {
    const uint32_t number = RandomNumber();
    if (absl::Status status = ExpectAnswersTo(number); !status.ok()) return status;
    const absl::Status sent =
        socket(SocketId::kLife).Send(EncodeConnectorRequest(ConnectorOperation::kListen, number));
    if (!sent.ok()) return AdviseOnSend(sent);
    listening_ = true;
    absl::StatusOr<bool> acknowledged = AwaitAck(number + 1, MonotonicNs() + kAckTimeoutNs);
    if (!acknowledged.ok()) return acknowledged.status();
    // Whoever has seen the number now shall not use it.
    if (*acknowledged) return ExpectAnswersTo(RandomNumber());
  } while (MonotonicNs() < deadline_ns);
  return AdviseOnSilence(options_.procfs_root);
}

// Events read before it came before the subscription: the scan of /proc that follows knows better.
absl::StatusOr<bool> Connector::AwaitAck(uint32_t ack, int64_t deadline_ns) {
  while (true) {
    absl::StatusOr<SourceRead> read = Read(SocketId::kLife);
    if (!read.ok()) return read.status();
    for (size_t i = 0; i < read->datagrams.size(); ++i) {
      const Message message = DecodeConnectorMessage(read->datagrams[i]);
      if (message.kind != MessageKind::kAck || message.ack != ack) continue;
      if (message.ack_error != 0) return AdviseOnRefusal(static_cast<int>(message.ack_error));
      unread_ = read->datagrams.subspan(i + 1);
      return true;
    }
    const int64_t left_ns = deadline_ns - MonotonicNs();
    if (left_ns <= 0) return false;
    if (read->outcome == ReceiveOutcome::kEmpty) Wait(-1, left_ns);
  }
}

bool Connector::BeginProbe() {
  EndProbe();
  const uint32_t number = RandomNumber();
  if (!ExpectAnswersTo(number).ok()) return false;
  probing_ = true;
  stop_probing_ = false;
  try {
    prober_ =
        std::thread([this, request = EncodeConnectorRequest(ConnectorOperation::kProbe, number)] {
          ProbeEachCpu(request);
          probing_ = false;
        });
  } catch (const std::system_error&) {  // no thread to be had at the moment
    probing_ = false;
    return false;
  }
  return true;
}

// A CPU that cannot be asked shows its number with its next event.
void Connector::ProbeEachCpu(const ConnectorRequest& request) {
  const absl::StatusOr<CpuSet> allowed = AllowedCpus();
  if (!allowed.ok()) return;
  const size_t set_bytes = BytesOf(*allowed);
  for (size_t cpu = 0; cpu < set_bytes * CHAR_BIT && !stop_probing_; ++cpu) {
    if (!CPU_ISSET_S(cpu, set_bytes, allowed->data())) continue;
    CpuSet one(allowed->size());
    CPU_SET_S(cpu, set_bytes, one.data());
    // One that was just taken offline has no events to be asked for.
    if (sched_setaffinity(0, set_bytes, one.data()) == 0) (void)probe_socket_.Send(request);
  }
}

bool Connector::IsProbing() {
  if (probing_) return true;
  EndProbe();
  return false;
}

void Connector::EndProbe() {
  if (!prober_.joinable()) return;
  stop_probing_ = true;
  prober_.join();
  probing_ = false;
  // Strangers have seen the number by now. Where it stays in force they could use it.
  (void)ExpectAnswersTo(RandomNumber());
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
  if (id == SocketId::kLife && !unread_.empty()) {
    return SourceRead{.outcome = ReceiveOutcome::kDatagrams,
                      .may_have_more = true,
                      .datagrams = std::exchange(unread_, {})};
  }
  ReceiveBatch& batch = *batches_[id];
  absl::StatusOr<ReceiveOutcome> outcome = sockets_[id].Receive(batch);
  if (!outcome.ok()) return outcome.status();
  if (*outcome != ReceiveOutcome::kDatagrams) return SourceRead{.outcome = *outcome};
  const int64_t now_ns = MonotonicNs();
  std::vector<Datagram>& datagrams = datagrams_[id];
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
  absl::StatusOr<uint64_t> drops = sockets_[id].Drops();
  if (!drops.ok()) return drops.status();
  return drops_of_closed_sockets_[id] + *drops;
}

int64_t Connector::NowNs() const { return MonotonicNs(); }

int64_t Connector::UnixOffsetNs() const { return RealtimeNs() - MonotonicNs(); }

}  // namespace cnproc
