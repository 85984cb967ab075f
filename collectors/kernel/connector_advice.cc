// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/connector_advice.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "collectors/kernel/read_file.h"

namespace cnproc {
namespace {

// The initial namespaces have fixed inode numbers (include/uapi/linux/nsfs.h, proc_ns.h).
constexpr std::string_view kInitialPidNamespace = "pid:[4026531836]";
constexpr std::string_view kInitialUserNamespace = "user:[4026531837]";

bool InNamespace(const std::string& link, std::string_view initial) {
  std::array<char, 64> target{};
  const ssize_t length = readlink(link.c_str(), target.data(), target.size());
  return length < 0 || std::string_view(target.data(), static_cast<size_t>(length)) == initial;
}

}  // namespace

absl::Status AdviseOnNamespace(int error, const std::string& path) {
  const bool forbidden = error == EPERM || error == EACCES;
  return absl::ErrnoToStatus(
      error, absl::StrCat("cannot enter the network namespace ", path, " of --connector.netns",
                          forbidden ? "; it needs CAP_SYS_ADMIN and, for another process' "
                                      "namespace, CAP_SYS_PTRACE"
                                    : "; give a file as /proc/1/ns/net"));
}

absl::Status AdviseOnOpen(const absl::Status& status) {
  if (absl::IsPermissionDenied(status)) {
    return absl::PermissionDeniedError(absl::StrCat(
        "cannot join the process connector: ", status.message(),
        "; kernels before 6.6 demand CAP_NET_ADMIN in the initial user namespace: run as root or "
        "give the binary that capability"));
  }
  return absl::Status(status.code(),
                      absl::StrCat("cannot open the process connector: ", status.message(),
                                   "; the kernel needs CONFIG_CONNECTOR and CONFIG_PROC_EVENTS"));
}

absl::Status AdviseOnSend(const absl::Status& status) {
  return absl::UnavailableError(absl::StrCat(
      "cannot subscribe to the process connector: ", status.message(),
      "; it exists in the initial network namespace only: share the host's network, or give "
      "--connector.netns=/proc/1/ns/net and CAP_SYS_ADMIN"));
}

absl::Status AdviseOnRefusal(int error) {
  return absl::ErrnoToStatus(
      error,
      "the kernel refused to send process events; run as root or give the binary "
      "CAP_NET_ADMIN in the initial user namespace");
}

absl::Status AdviseOnSilence(const std::string& procfs_root) {
  std::string cause = "another tool may have ended the subscription of every listener: restart it";
  const absl::StatusOr<std::string> drivers =
      ReadWholeFile(absl::StrCat(procfs_root, "/net/connector"));
  if (drivers.ok() && !absl::StrContains(*drivers, "cn_proc")) {
    cause = "the kernel has no process connector: it needs CONFIG_PROC_EVENTS=y";
  } else if (!InNamespace(absl::StrCat(procfs_root, "/self/ns/pid"), kInitialPidNamespace)) {
    cause = "this process is in a pid namespace of its own: share the host's (hostPID, --pid=host)";
  } else if (!InNamespace(absl::StrCat(procfs_root, "/self/ns/user"), kInitialUserNamespace)) {
    cause =
        "this process is in a user namespace of its own: run it in the host's "
        "(PrivateUsers=no, rootful container)";
  }
  return absl::DeadlineExceededError(absl::StrCat(
      "the kernel did not acknowledge the subscription to process events within 2 s; ", cause));
}

}  // namespace cnproc
