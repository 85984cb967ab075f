// SPDX-License-Identifier: Apache-2.0
#include "exporter/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "collectors/base/time.h"
#include "collectors/base/unique_fd.h"

namespace cnproc {
namespace {

constexpr int64_t kNsPerUs = 1000;

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

ServiceManager::ServiceManager() : socket_path_(Environment("NOTIFY_SOCKET")) {
  int64_t microseconds = 0;
  if (!absl::SimpleAtoi(Environment("WATCHDOG_USEC"), &microseconds) || microseconds <= 0) return;
  const std::string pid = Environment("WATCHDOG_PID");
  if (!pid.empty() && pid != absl::StrCat(getpid())) return;
  // Half of it, as sd_watchdog_enabled(3) advises.
  watchdog_interval_ns_ = microseconds * kNsPerUs / 2;
}

void ServiceManager::SendReloading() const {
  Send(absl::StrCat("RELOADING=1\nMONOTONIC_USEC=", MonotonicNs() / kNsPerUs));
}

void ServiceManager::Send(const std::string& state) const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path_.empty() || socket_path_.size() >= sizeof(address.sun_path)) return;
  socket_path_.copy(address.sun_path, socket_path_.size());
  // An @ stands for the NUL byte of the abstract namespace.
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const UniqueFd client(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!client) return;
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_path_.size());
  [[maybe_unused]] const ssize_t sent =
      sendto(client.get(), state.data(), state.size(), MSG_NOSIGNAL,
             reinterpret_cast<sockaddr*>(&address), length);
}

}  // namespace cnproc
