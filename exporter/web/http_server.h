// SPDX-License-Identifier: Apache-2.0
// Bytes in, bytes out, by CivetWeb.
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
  // Connections served at once; more wait. At least one; where fewer can be started the server says
  // so and lives with them.
  int worker_threads = 8;
  // TLS on every address, or nullptr for none. Must outlive the server.
  TlsContext* tls = nullptr;
  // Completes every answer, the server's own to what is no request too. Any thread.
  std::function<void(HttpResponse&)> complete = [](HttpResponse&) {};
};

// An HTTP/1.1 server that serves what its handler says and nothing else: no file of the host, no
// body of a request, no version of itself. A request head has at most 16 KiB and 64 fields; a
// client that takes more than 3 s to send it, or for a TLS handshake, is cut off: one that is
// silent, not one that sends a byte just before. An answer must be taken within 5 s. Clients that
// make the server wait are few for each address and leave threads for others (waiting_clients.h).
// Each request has its own connection: kept-alive ones would hold a thread between two scrapes.
class HttpServer {
 public:
  HttpServer(HttpServerOptions options, Handler handler);
  ~HttpServer();  // Stop()
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Opens every address and starts the threads, which inherit the caller's signal mask: block
  // SIGTERM, SIGINT and SIGHUP before. An error names the address, what is wrong with it and what
  // to do; nothing is left open then, unless the thread that accepts could not be started: that
  // server cannot be stopped any more. InvalidArgument: an address that is none.
  absl::Status Start();

  // Closes the addresses, lets running requests end and joins the threads. May be called twice.
  void Stop();

  // The addresses that are open, as "127.0.0.1:10119": what port 0 became stands here.
  std::vector<std::string> BoundAddresses() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;  // nullptr after a start that was abandoned
};

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_WEB_HTTP_SERVER_H_
