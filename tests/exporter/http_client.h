// SPDX-License-Identifier: Apache-2.0
// A client that may send anything: what HTTP libraries refuse to.
#ifndef CNPROC_TESTS_EXPORTER_HTTP_CLIENT_H_
#define CNPROC_TESTS_EXPORTER_HTTP_CLIENT_H_

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>

namespace cnproc {

// A TCP connection to a numeric address as "127.0.0.1:80" or "[::1]:80", from an IPv4 address of
// this machine if one is given. Reads and writes wait ten seconds at most.
class Connection {
 public:
  explicit Connection(const std::string& address, const char* from = nullptr) {
    const size_t colon = address.rfind(':');
    std::string host = address.substr(0, colon);
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    addrinfo hints = {};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICHOST;
    addrinfo* list = nullptr;
    if (getaddrinfo(host.c_str(), address.substr(colon + 1).c_str(), &hints, &list) != 0) return;
    fd_ = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (from != nullptr) {
      sockaddr_in own = {};
      own.sin_family = AF_INET;
      inet_pton(AF_INET, from, &own.sin_addr);
      (void)bind(fd_, reinterpret_cast<const sockaddr*>(&own), sizeof(own));
    }
    const timeval patience = {10, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(fd_, list->ai_addr, list->ai_addrlen) != 0) Close();
    freeaddrinfo(list);
  }
  ~Connection() { Close(); }
  Connection(Connection&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  Connection& operator=(Connection&&) = delete;

  bool ok() const { return fd_ >= 0; }
  int fd() const { return fd_; }

  // False once the server has closed the connection.
  bool Send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(sent);
    }
    return true;
  }

  // Everything until the server closes the connection.
  std::string ReadAll() const {
    std::string all;
    char chunk[4096];
    while (true) {
      const ssize_t got = recv(fd_, chunk, sizeof(chunk), 0);
      if (got <= 0) return all;
      all.append(chunk, got);
    }
  }

 private:
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  int fd_ = -1;
};

// The whole answer to a request that is sent as it stands; "" if there is none.
inline std::string Exchange(const std::string& address, std::string_view request) {
  const Connection connection(address);
  if (!connection.ok() || !connection.Send(request)) return "";
  return connection.ReadAll();
}

inline std::string Get(const std::string& address, const std::string& target) {
  return Exchange(address, "GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
}

}  // namespace cnproc

#endif  // CNPROC_TESTS_EXPORTER_HTTP_CLIENT_H_
