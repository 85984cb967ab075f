// SPDX-License-Identifier: Apache-2.0
// The subscription to the kernel's process connector over two filtered sockets.
#ifndef CNPROC_COLLECTORS_KERNEL_CONNECTOR_H_
#define CNPROC_COLLECTORS_KERNEL_CONNECTOR_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collectors/base/enum_array.h"
#include "collectors/kernel/cn_proc.h"
#include "collectors/kernel/datagram_source.h"
#include "collectors/kernel/netlink_socket.h"

namespace cnproc {

struct ConnectorOptions {
  uint32_t receive_buffer_bytes = 8u << 20;  // of the life socket
  std::string network_namespace;             // a path as /proc/1/ns/net; empty = our own
  std::string procfs_root = "/proc";
};

// Not thread safe; may be moved between threads before the first read.
class Connector final : public DatagramSource {
 public:
  // Opens the sockets, subscribes and waits (at most 2 s) for the kernel's acknowledgement, which
  // alone proves the subscription: events may arrive because another tool listens. Errors say what
  // was tried, why it failed and what to do.
  static absl::StatusOr<std::unique_ptr<Connector>> Open(const ConnectorOptions& options);
  // Sends IGNORE: a listener that only closes leaves the kernel's listener count raised for ever.
  ~Connector() override;

  void Wait(int wake_fd, int64_t timeout_ns) override;
  absl::StatusOr<SourceRead> Read(SocketId socket) override;
  absl::StatusOr<uint64_t> Drops(SocketId socket) override;
  int64_t NowNs() const override;
  int64_t UnixOffsetNs() const override;
  absl::Status Subscribe(bool renew) override;
  bool BeginProbe() override;
  bool IsProbing() override;
  uint32_t ReceiveBufferBytes() const override { return grant_.bytes; }

  const ReceiveBufferGrant& receive_buffer() const { return grant_; }

 private:
  explicit Connector(ConnectorOptions options);

  absl::Status OpenSockets();
  absl::Status OpenSocketsHere();
  void Retire(SocketId id);
  absl::Status ExpectAnswersTo(uint32_t request);
  absl::Status Listen();
  absl::StatusOr<bool> AwaitAck(uint32_t ack, int64_t deadline_ns);
  void ProbeEachCpu(const ConnectorRequest& request);
  void EndProbe();
  NetlinkSocket& socket(SocketId id) { return sockets_[id]; }

  const ConnectorOptions options_;
  EnumArray<SocketId, NetlinkSocket, kSocketCount> sockets_;
  bool listening_ = false;  // LISTEN went through the life socket
  EnumArray<SocketId, std::unique_ptr<ReceiveBatch>, kSocketCount> batches_;
  EnumArray<SocketId, std::vector<Datagram>, kSocketCount> datagrams_;
  EnumArray<SocketId, uint64_t, kSocketCount> drops_of_closed_sockets_{};
  ReceiveBufferGrant grant_;
  // Behind the acknowledgement that was waited for.
  std::span<const Datagram> unread_;

  // A probe goes from CPU to CPU, which takes its time where they are busy: in a thread of its own,
  // whose affinity is nobody else's.
  std::thread prober_;
  NetlinkSocket probe_socket_;  // in no group: it receives nothing
  std::atomic<bool> probing_{false};
  std::atomic<bool> stop_probing_{false};
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_CONNECTOR_H_
