// SPDX-License-Identifier: Apache-2.0
// Bytes in, bytes out: the one place that knows CivetWeb.
#ifndef CNPROC_EXPORTER_WEB_HTTP_SERVER_H_
#define CNPROC_EXPORTER_WEB_HTTP_SERVER_H_

#include <absl/status/status.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "exporter/web/http.h"
#include "exporter/web/tls.h"

namespace cnproc {

struct HttpServerOptions {
  // Each [HOST]:PORT. HOST is an IPv4 address, an IPv6 address in brackets or "localhost"; without
  // HOST the port is opened on IPv4 and IPv6.
  std::vector<std::string> listen_addresses = {":10119"};
  // Connections served at once; more wait in the kernel's queue. An idle thread costs 15 KiB.
  int worker_threads = 8;
  // TLS on every address, or nullptr for none. Must outlive the server.
  TlsContext* tls = nullptr;
  // Completes every answer, the server's own to what is no request too. Any thread.
  std::function<void(HttpResponse&)> complete = [](HttpResponse&) {};
};

// An HTTP/1.1 server that serves what its handler says and nothing else: no file of the host, no
// body of a request, no version of itself. A request head has at most 16 KiB; a client
// that takes more than 5 s to send it, or to take the answer, is cut off: one that is silent, not
// one that sends a byte just before; and TLS has 5 s of its own for its handshake. Each request has
// its own connection: kept-alive ones would hold a thread between two scrapes.
class HttpServer {
 public:
  HttpServer(HttpServerOptions options, Handler handler);
  ~HttpServer();  // Stop()
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Opens every address and starts the threads, which inherit the caller's signal mask: block
  // SIGTERM, SIGINT and SIGHUP before. An error names the address, what is wrong with it and what
  // to do; nothing is left open then. InvalidArgument: an address that is none.
  absl::Status Start();

  // Closes the addresses, lets running requests end and joins the threads. May be called twice.
  void Stop();

  // The addresses that are open, as "127.0.0.1:10119": what port 0 became stands here.
  std::vector<std::string> BoundAddresses() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_WEB_HTTP_SERVER_H_
