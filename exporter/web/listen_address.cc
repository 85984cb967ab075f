// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/listen_address.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>
#include <system_error>

#include "collectors/base/unique_fd.h"

namespace cnproc {
namespace {

struct AddrInfoDeleter {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using AddrInfoList = std::unique_ptr<addrinfo, AddrInfoDeleter>;

absl::Status Invalid(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrFormat("listen address \"%s\": %s; write [HOST]:PORT, as :10119, 127.0.0.1:10119 or "
                      "[::1]:10119",
                      std::string(text), std::string(why)));
}

std::optional<uint16_t> ParsePort(std::string_view digits) {
  uint16_t port = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, port);
  if (error != std::errc() || stop != end) return std::nullopt;
  return port;
}

AddrInfoList Resolve(const std::string& host, int family, int flags, std::string* why) {
  addrinfo hints = {};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | flags;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (error != 0 && why != nullptr) *why = gai_strerror(error);
  return AddrInfoList(error == 0 ? list : nullptr);
}

std::string NumericHost(const addrinfo& address) {
  char host[NI_MAXHOST] = "";
  getnameinfo(address.ai_addr, address.ai_addrlen, host, sizeof(host), nullptr, 0, NI_NUMERICHOST);
  return host;
}

std::string WhatToDo(int error, uint16_t port) {
  switch (error) {
    case EADDRINUSE:
      return absl::StrFormat(
          "another program uses the port (see: ss -ltnp sport = :%d); stop it or choose another "
          "--web.listen-address",
          port);
    case EACCES:
      return "ports below 1024 need CAP_NET_BIND_SERVICE; choose a higher port";
    case EADDRNOTAVAIL:
      return "no interface of this machine has that address";
    case EAFNOSUPPORT:
      return "this kernel has no IPv6; choose an IPv4 address";
    default:
      return "choose another --web.listen-address";
  }
}

absl::Status Failure(const ListenAddress& address, int error) {
  return absl::UnavailableError(absl::StrCat("cannot listen on ", address.text, ": ",
                                             std::strerror(error), ": ",
                                             WhatToDo(error, address.port)));
}

sockaddr_storage ToSockaddr(const ListenAddress& address, socklen_t* length) {
  sockaddr_storage storage = {};
  const bool ipv4 = address.family == ListenAddress::Family::kIpv4 ||
                    (address.family == ListenAddress::Family::kBoth && !Ipv6Available());
  const std::string host = address.host.empty() ? (ipv4 ? "0.0.0.0" : "::") : address.host;
  const AddrInfoList list = Resolve(host, ipv4 ? AF_INET : AF_INET6, AI_NUMERICHOST, nullptr);
  if (list == nullptr) return storage;
  std::memcpy(&storage, list->ai_addr, list->ai_addrlen);
  *length = list->ai_addrlen;
  // The port stands at the same place in both families.
  reinterpret_cast<sockaddr_in*>(&storage)->sin_port = htons(address.port);
  return storage;
}

}  // namespace

std::string ListenAddress::WithPort(uint16_t actual_port) const {
  if (family == Family::kIpv6) return absl::StrFormat("[%s]:%d", host, actual_port);
  return absl::StrFormat("%s:%d", host, actual_port);
}

std::string LocalUrl(std::string_view bound_address, bool tls) {
  std::string host(bound_address.substr(0, bound_address.rfind(':')));
  if (host.empty() || host == "0.0.0.0" || host == "[::]") host = "localhost";
  return absl::StrCat(tls ? "https://" : "http://", host,
                      std::string(bound_address.substr(bound_address.rfind(':'))), "/");
}

absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text) {
  ListenAddress address;
  address.text = std::string(text);
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return Invalid(text, "it has no port");
  const auto port = ParsePort(text.substr(colon + 1));
  if (!port) return Invalid(text, "the port is no number from 0 to 65535");
  address.port = *port;
  std::string_view host = text.substr(0, colon);
  if (host.empty()) return address;

  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find_first_of(":[]") != std::string_view::npos) {
    return Invalid(text, "an IPv6 address stands in brackets");
  }
  std::string why;
  AddrInfoList list;
  if (brackets) {
    list = Resolve(std::string(host), AF_INET6, AI_NUMERICHOST, &why);
  } else {
    list = Resolve(std::string(host), AF_INET, 0, nullptr);
    if (list == nullptr) list = Resolve(std::string(host), AF_INET6, 0, &why);
  }
  if (list == nullptr) return Invalid(text, absl::StrCat("the host is unknown (", why, ")"));
  address.family =
      list->ai_family == AF_INET ? ListenAddress::Family::kIpv4 : ListenAddress::Family::kIpv6;
  address.host = NumericHost(*list);
  return address;
}

bool Ipv6Available() {
  const UniqueFd probe(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return static_cast<bool>(probe);
}

absl::Status ProbeListenAddresses(const std::vector<ListenAddress>& addresses) {
  std::vector<UniqueFd> open;  // held until the end, so that an address given twice is noticed
  for (const ListenAddress& address : addresses) {
    socklen_t length = 0;
    const sockaddr_storage where = ToSockaddr(address, &length);
    open.emplace_back(socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int fd = open.back().get();
    if (fd < 0) return Failure(address, errno);
    const int on = 1;
    const int v6only = address.family == ListenAddress::Family::kIpv6 ? 1 : 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (where.ss_family == AF_INET6) {
      setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only));
    }
    if (bind(fd, reinterpret_cast<const sockaddr*>(&where), length) != 0 || listen(fd, 1) != 0) {
      return Failure(address, errno);
    }
  }
  return absl::OkStatus();
}

void Knock(const ListenAddress& address) {
  socklen_t length = 0;
  // The wildcard address, connected to, is the machine itself.
  const sockaddr_storage where = ToSockaddr(address, &length);
  const UniqueFd client(socket(where.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!client) return;
  // A knock that fails costs the server only its patience.
  (void)connect(client.get(), reinterpret_cast<const sockaddr*>(&where), length);
}

}  // namespace cnproc
