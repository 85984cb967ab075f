// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/harness/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <sstream>

#include "tests/e2e/harness/error.h"

namespace cnproc::e2e {
namespace {

constexpr std::string_view kEndOfHead = "\r\n\r\n";

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

std::string LowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

HttpResponse ParseResponse(const std::string& bytes, bool expects_body) {
  const size_t end_of_head = bytes.find(kEndOfHead);
  if (end_of_head == std::string::npos) Fail("no HTTP response: '" + bytes.substr(0, 200) + "'");
  std::istringstream head(bytes.substr(0, end_of_head));
  HttpResponse response;
  std::string version;
  head >> version >> response.status;
  if (version != "HTTP/1.1" && version != "HTTP/1.0") Fail("no HTTP version: " + version);
  std::string line;
  std::getline(head, line);
  while (std::getline(head, line)) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    const size_t colon = line.find(':');
    if (colon == std::string::npos) Fail("no header: " + line);
    const size_t value = line.find_first_not_of(' ', colon + 1);
    response.headers[LowerCase(line.substr(0, colon))] =
        value == std::string::npos ? "" : line.substr(value);
  }
  response.body = bytes.substr(end_of_head + kEndOfHead.size());
  const std::string length = response.Header("content-length");
  if (length.empty()) Fail("a response without Content-Length");
  if (expects_body && std::stoul(length) != response.body.size()) {
    Fail("Content-Length " + length + " but " + std::to_string(response.body.size()) + " bytes");
  }
  return response;
}

std::string TextOf(const HttpRequest& request) {
  std::string text = request.method + " " + request.path + " HTTP/1.1\r\nHost: localhost\r\n";
  for (const auto& [name, value] : request.headers) {
    text.append(name).append(": ").append(value).append("\r\n");
  }
  return text + "Connection: close\r\n\r\n";
}

}  // namespace

std::string HttpResponse::Header(const std::string& lower_case_name) const {
  const auto found = headers.find(lower_case_name);
  return found == headers.end() ? "" : found->second;
}

Connection::Connection(uint16_t port, milliseconds limit, const char* from)
    : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (fd_ < 0) FailErrno("socket");
  const auto bound = std::chrono::duration_cast<std::chrono::microseconds>(limit * Patience());
  const timeval timeout{bound.count() / 1'000'000, bound.count() % 1'000'000};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
  if (from != nullptr) {
    sockaddr_in own = Loopback(0);
    inet_pton(AF_INET, from, &own.sin_addr);
    if (bind(fd_, reinterpret_cast<const sockaddr*>(&own), sizeof(own)) != 0) FailErrno(from);
  }
  const sockaddr_in address = Loopback(port);
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const int error = errno;
    close(fd_);
    errno = error;
    FailErrno("connect to port " + std::to_string(port));
  }
}

Connection::~Connection() { close(fd_); }

bool Connection::Send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

std::string Connection::ReadToEnd() const {
  std::string all;
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t got = recv(fd_, buffer.data(), buffer.size(), 0);
    if (got == 0 || (got < 0 && errno == ECONNRESET)) return all;
    if (got < 0) FailErrno("read after " + std::to_string(all.size()) + " bytes");
    all.append(buffer.data(), static_cast<size_t>(got));
  }
}

void Connection::SkipResponse() const {
  std::array<char, 65536> buffer{};
  size_t expected = buffer.size();  // bytes, the head among them
  std::string head;
  for (size_t read = 0; read < expected;) {
    const ssize_t got = recv(fd_, buffer.data(), buffer.size(), 0);
    if (got <= 0) Fail("an answer of " + std::to_string(read) + " bytes is cut");
    read += static_cast<size_t>(got);
    if (head.ends_with(kEndOfHead)) continue;
    head.append(buffer.data(), static_cast<size_t>(got));
    const size_t end = head.find(kEndOfHead);
    if (end == std::string::npos) continue;
    head.resize(end + kEndOfHead.size());
    const HttpResponse announced = ParseResponse(head, /*expects_body=*/false);
    expected = head.size() + std::stoul(announced.Header("content-length"));
  }
}

HttpResponse Fetch(uint16_t port, const HttpRequest& request) {
  const Connection connection(port);
  connection.Send(TextOf(request));
  return ParseResponse(connection.ReadToEnd(), request.method != "HEAD");
}

Clock::duration TimeOf(uint16_t port, const HttpRequest& request) {
  const std::string text = TextOf(request);
  const auto start = Clock::now();
  const Connection connection(port);
  connection.Send(text);
  connection.SkipResponse();
  return Clock::now() - start;
}

uint16_t FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t length = sizeof(address);
  const bool found = fd >= 0 &&
                     bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
                     getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0;
  close(fd);
  if (!found) FailErrno("no free port");
  return ntohs(address.sin_port);
}

std::string Gunzip(const std::string& compressed) {
  z_stream stream{};
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) Fail("inflateInit2");
  std::string copy = compressed;
  stream.next_in = reinterpret_cast<Bytef*>(copy.data());
  stream.avail_in = static_cast<uInt>(copy.size());
  std::string content;
  std::array<char, 65536> buffer{};
  int result = Z_OK;
  while (result == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = buffer.size();
    result = inflate(&stream, Z_NO_FLUSH);
    content.append(buffer.data(), buffer.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  if (result != Z_STREAM_END) Fail("broken gzip stream");
  return content;
}

}  // namespace cnproc::e2e
