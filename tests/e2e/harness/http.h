// SPDX-License-Identifier: Apache-2.0
// A small HTTP/1.1 client on loopback, which also speaks as badly as a test wants it to.
#ifndef CNPROC_TESTS_E2E_HARNESS_HTTP_H_
#define CNPROC_TESTS_E2E_HARNESS_HTTP_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "tests/e2e/harness/clock.h"

namespace cnproc::e2e {

struct HttpResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;

  std::string Header(const std::string& lower_case_name) const;  // empty if absent
};

struct HttpRequest {
  std::string path = "/metrics";
  std::string method = "GET";
  std::map<std::string, std::string> headers = {};
};

// A TCP connection to a port of 127.0.0.1. Not thread safe.
class Connection {
 public:
  // To the exporter on 127.0.0.1, from another loopback address if one is given.
  explicit Connection(uint16_t port, milliseconds limit = seconds(10), const char* from = nullptr);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // False when the other side has closed.
  bool Send(std::string_view bytes) const;

  // What comes until the other side closes; throws when it says nothing for the time limit.
  std::string ReadToEnd() const;

  // Reads until the last byte that Content-Length announces, as scrapers do, and keeps none of it.
  // Throws as ReadToEnd, and when the answer is cut or its head too long for a buffer.
  void SkipResponse() const;

 private:
  int fd_;
};

// One request on its own connection. Throws HarnessError when no whole answer comes.
HttpResponse Fetch(uint16_t port, const HttpRequest& request = {});

// How long one request takes from connecting to the last byte of the answer.
Clock::duration TimeOf(uint16_t port, const HttpRequest& request = {});

// A port of 127.0.0.1 that was free a moment ago.
uint16_t FreePort();

// The uncompressed content of a gzip stream.
std::string Gunzip(const std::string& compressed);

}  // namespace cnproc::e2e

#endif  // CNPROC_TESTS_E2E_HARNESS_HTTP_H_
