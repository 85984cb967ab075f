// SPDX-License-Identifier: Apache-2.0
// --web.listen-address: what it means, and why it does not work.
#ifndef CNPROC_EXPORTER_WEB_LISTEN_ADDRESS_H_
#define CNPROC_EXPORTER_WEB_LISTEN_ADDRESS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cnproc {

struct ListenAddress {
  enum class Family { kBoth, kIpv4, kIpv6 };
  Family family = Family::kBoth;
  std::string host;  // a numeric address without brackets; "" for kBoth
  uint16_t port = 0;
  std::string text;  // as the user wrote it

  // "127.0.0.1:10119", "[::1]:10119", ":10119", with another port if given.
  std::string WithPort(uint16_t actual_port) const;
};

// Where a browser on this machine finds the start page of a server that is bound to the address:
// "http://localhost:10119/" for all addresses, else "https://192.0.2.1:443/" and the like.
std::string LocalUrl(std::string_view bound_address, bool tls);

// [HOST]:PORT. A host name is resolved, IPv4 first. InvalidArgument says what is wrong.
absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text);

// Whether the kernel makes IPv6 sockets at all (not with ipv6.disable=1).
bool Ipv6Available();

// Binds and listens as a server would, to learn which of the addresses fails and why; everything is
// closed again. OK if none fails. The error says what to do.
absl::Status ProbeListenAddresses(const std::vector<ListenAddress>& addresses);

// Connects to the address on this machine and hangs up at once: wakes a server that waits for a
// connection. Never blocks.
void Knock(const ListenAddress& address);

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_WEB_LISTEN_ADDRESS_H_
