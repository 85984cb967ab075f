// SPDX-License-Identifier: Apache-2.0
// What systemd is told (sd_notify(3)); nothing where it did not start us. One datagram, so no
// library is needed. Not thread safe.
#ifndef CNPROC_EXPORTER_SERVICE_MANAGER_H_
#define CNPROC_EXPORTER_SERVICE_MANAGER_H_

#include <cstdint>
#include <optional>
#include <string>

namespace cnproc {

class ServiceManager {
 public:
  // Reads NOTIFY_SOCKET and WATCHDOG_USEC, WATCHDOG_PID of the environment.
  ServiceManager();

  // How often it wants to hear that all is well; nothing if it does not ask.
  std::optional<int64_t> watchdog_interval_ns() const { return watchdog_interval_ns_; }

  void SendReady() const { Send("READY=1"); }
  void SendReloading() const;
  void SendStopping() const { Send("STOPPING=1"); }
  void SendAlive() const { Send("WATCHDOG=1"); }

 private:
  // A message that cannot be delivered is the service manager's to miss.
  void Send(const std::string& state) const;

  std::string socket_path_;
  std::optional<int64_t> watchdog_interval_ns_;
};

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_SERVICE_MANAGER_H_
