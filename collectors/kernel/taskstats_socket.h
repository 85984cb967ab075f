// SPDX-License-Identifier: Apache-2.0
// The exit records of every task of the machine, as they come.
#ifndef CNPROC_COLLECTORS_KERNEL_TASKSTATS_SOCKET_H_
#define CNPROC_COLLECTORS_KERNEL_TASKSTATS_SOCKET_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collectors/kernel/netlink_socket.h"
#include "collectors/process/exit_record.h"

namespace cnproc {

// Not thread safe, but for being moved to another thread.
class TaskstatsSocket {
 public:
  // The most that one Receive appends.
  static constexpr size_t kBatchRecords = 64;

  // Registers for all CPUs that the machine can ever have, so that one plugged in later is heard
  // too, and sees a record come before it returns. May block for some seconds where the kernel
  // does not answer. Errors: kUnimplemented for a kernel without taskstats, kPermissionDenied
  // without CAP_NET_ADMIN, kFailedPrecondition in a namespace to which no records go.
  // `network_namespace` is a path as /proc/1/ns/net, empty = our own.
  static absl::StatusOr<TaskstatsSocket> Open(uint32_t receive_buffer_bytes,
                                              const std::string& network_namespace = "");

  // Appends the records of one batch to `records`, in the order in which tasks ended on each CPU.
  // Never blocks; kEmpty once nothing is queued. Call until then: after kOverrun the kernel queues
  // nothing new before.
  absl::StatusOr<ReceiveOutcome> Receive(std::vector<ExitRecord>& records);

  // Records lost since the socket was opened, exactly.
  absl::StatusOr<uint64_t> Drops() { return socket_.Drops(); }
  // Datagrams that were no record.
  uint64_t rejected() const { return rejected_; }
  const ReceiveBufferGrant& grant() const { return grant_; }

 private:
  TaskstatsSocket(NetlinkSocket socket, const ReceiveBufferGrant& grant);

  static absl::StatusOr<TaskstatsSocket> OpenHere(uint32_t receive_buffer_bytes);
  absl::Status Register();
  absl::Status LookUpFamily();
  absl::Status CheckDelivery() const;

  NetlinkSocket socket_;
  ReceiveBufferGrant grant_;
  std::unique_ptr<ReceiveBatch> batch_;
  uint16_t family_ = 0;
  uint64_t rejected_ = 0;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_TASKSTATS_SOCKET_H_
