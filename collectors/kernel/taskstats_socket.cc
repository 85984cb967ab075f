// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/taskstats_socket.h"

#include <linux/genetlink.h>
#include <linux/taskstats.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "collectors/kernel/netns.h"
#include "collectors/kernel/read_file.h"
#include "collectors/kernel/taskstats.h"

namespace cnproc {
namespace {

// A record that ends a process with threads holds struct taskstats twice: 1,172 bytes by Linux
// 6.18, 1,428 by 7.2. What lies beyond is cut, and the part that counts stands first.
constexpr size_t kDatagramBytes = 2048;
constexpr int kReplyTimeoutMs = 2000;
// Records may be queued before the answer to a request.
constexpr int kMaxBatchesBeforeReply = 1000;

absl::StatusOr<std::string> PossibleCpus() {
  static constexpr char kPath[] = "/sys/devices/system/cpu/possible";
  absl::StatusOr<std::string> cpus = ReadWholeFile(kPath);
  if (cpus.ok()) absl::StripTrailingAsciiWhitespace(&*cpus);
  if (!cpus.ok() || cpus->empty()) {
    return absl::NotFoundError(absl::StrCat("cannot read ", kPath, "; mount sysfs"));
  }
  return cpus;
}

// Hands each datagram to `accept` until that returns true.
template <typename Accept>
absl::Status AwaitReply(const NetlinkSocket& socket, ReceiveBatch& batch, Accept accept) {
  for (int i = 0; i < kMaxBatchesBeforeReply; ++i) {
    pollfd waiting{.fd = socket.fd(), .events = POLLIN, .revents = 0};
    if (poll(&waiting, 1, kReplyTimeoutMs) == 0) break;
    const absl::StatusOr<ReceiveOutcome> outcome = socket.Receive(batch);
    if (!outcome.ok()) return outcome.status();
    for (size_t j = 0; j < batch.size(); ++j) {
      if (accept(batch.bytes(j))) return absl::OkStatus();
    }
  }
  return absl::DeadlineExceededError("the kernel does not answer on generic netlink");
}

}  // namespace

TaskstatsSocket::TaskstatsSocket(NetlinkSocket socket, const ReceiveBufferGrant& grant)
    : socket_(std::move(socket)),
      grant_(grant),
      batch_(std::make_unique<ReceiveBatch>(kBatchRecords, kDatagramBytes,
                                            ReceiveBatch::Senders::kUntold)) {}

absl::StatusOr<TaskstatsSocket> TaskstatsSocket::Open(uint32_t receive_buffer_bytes,
                                                      const std::string& network_namespace) {
  absl::StatusOr<TaskstatsSocket> result = absl::UnknownError("not opened");
  const absl::Status status = RunInNetworkNamespace(network_namespace, [&] {
    result = OpenHere(receive_buffer_bytes);
    return result.status();
  });
  if (!status.ok()) return status;
  return result;
}

absl::StatusOr<TaskstatsSocket> TaskstatsSocket::OpenHere(uint32_t receive_buffer_bytes) {
  absl::StatusOr<NetlinkSocket> socket = NetlinkSocket::Open(NETLINK_GENERIC, 0, {});
  if (!socket.ok()) return socket.status();
  const absl::StatusOr<ReceiveBufferGrant> grant =
      socket->RequestReceiveBuffer(receive_buffer_bytes);
  if (!grant.ok()) return grant.status();
  // Records come to the port, never to a group: so whoever sent one was the kernel.
  absl::Status status = socket->ConnectToKernel();
  if (!status.ok()) return status;
  TaskstatsSocket result(*std::move(socket), *grant);
  status = result.LookUpFamily();
  if (status.ok()) status = result.Register();
  if (status.ok()) status = result.CheckDelivery();
  if (!status.ok()) return status;
  return result;
}

absl::Status TaskstatsSocket::LookUpFamily() {
  absl::Status status = socket_.Send(EncodeFamilyRequest(TASKSTATS_GENL_NAME));
  if (!status.ok()) return status;
  int reply_errno = 0;
  status = AwaitReply(socket_, *batch_, [&](std::span<const std::byte> datagram) {
    const std::optional<uint16_t> family = DecodeFamilyReply(datagram);
    family_ = family.value_or(0);
    const TaskstatsMessage message = DecodeTaskstats(datagram, family_);
    if (message.kind == TaskstatsKind::kReply) reply_errno = message.reply_errno;
    return family.has_value() || reply_errno != 0;
  });
  if (!status.ok()) return status;
  if (reply_errno == ENOENT) {
    // Old kernels (5.10 does, 6.1 does not) show the family in the initial namespace alone.
    return absl::UnimplementedError(
        "the kernel shows no family TASKSTATS: it was built without CONFIG_TASKSTATS, or this is "
        "not the initial network namespace");
  }
  if (reply_errno != 0) return absl::ErrnoToStatus(reply_errno, "looking up the family TASKSTATS");
  return absl::OkStatus();
}

absl::Status TaskstatsSocket::Register() {
  const absl::StatusOr<std::string> cpus = PossibleCpus();
  if (!cpus.ok()) return cpus.status();
  absl::Status status = socket_.Send(EncodeRegisterRequest(family_, *cpus));
  if (!status.ok()) return status;
  int reply_errno = 0;
  status = AwaitReply(socket_, *batch_, [&](std::span<const std::byte> datagram) {
    const TaskstatsMessage message = DecodeTaskstats(datagram, family_);
    reply_errno = message.reply_errno;
    return message.kind == TaskstatsKind::kReply;
  });
  if (!status.ok()) return status;
  if (reply_errno == EPERM) {
    return absl::PermissionDeniedError(
        "registering for exit records needs CAP_NET_ADMIN in the initial user "
        "namespace; grant it");
  }
  if (reply_errno == EINVAL) {
    return absl::FailedPreconditionError(
        "no exit records in another pid or user namespace; run in the host's");
  }
  if (reply_errno != 0) {
    return absl::ErrnoToStatus(reply_errno, absl::StrCat("registering for CPUs ", *cpus));
  }
  return absl::OkStatus();
}

// From another network namespace registering succeeds and nothing ever comes (kernel/taskstats.c
// sends to init_net alone). A thread's end makes a record, and makes it before the thread can be
// joined, so that one must be queued by then. It is left in the queue.
absl::Status TaskstatsSocket::CheckDelivery() const {
  try {
    std::thread([] {}).join();
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot start a thread to check by: ", error.what()));
  }
  char byte = 0;
  if (recv(socket_.fd(), &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT) >= 0 || errno == ENOBUFS) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      "exit records go to the initial network namespace only; run in the host's, or "
      "name it with --connector.netns");
}

absl::StatusOr<ReceiveOutcome> TaskstatsSocket::Receive(std::vector<ExitRecord>& records) {
  absl::StatusOr<ReceiveOutcome> outcome = socket_.Receive(*batch_);
  if (!outcome.ok() || *outcome != ReceiveOutcome::kDatagrams) return outcome;
  for (size_t i = 0; i < batch_->size(); ++i) {
    const TaskstatsMessage message = DecodeTaskstats(batch_->bytes(i), family_);
    if (message.kind == TaskstatsKind::kRecord) {
      records.push_back(message.record);
    } else {
      ++rejected_;
    }
  }
  return outcome;
}

}  // namespace cnproc
