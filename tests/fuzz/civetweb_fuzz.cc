// SPDX-License-Identifier: Apache-2.0
// What a client may send, through CivetWeb as it is compiled for the exporter, with our handlers
// behind it: the bytes of a connection up to its end. The first byte says where they are parted.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/web/guard.h"
#include "exporter/web/http_server.h"
#include "exporter/web/routes.h"

namespace {

class Source : public cnproc::MetricsSource {
 public:
  void Gather(const cnproc::CollectorFilter&, cnproc::Families&) override {}
  absl::Status Ready() override { return absl::OkStatus(); }
  std::vector<cnproc::CollectorState> Collectors() override {
    return {{"lineage", "", false, false, ""}, {"processes", "", true, true, ""}};
  }
};

// Lives as long as the fuzzer.
class Server {
 public:
  Server() {
    guard_ = *cnproc::Guard::Create("");
    cnproc::HttpServerOptions options;
    options.listen_addresses = {"127.0.0.1:0"};
    options.worker_threads = 2;
    options.complete = [this](cnproc::HttpResponse& response) { guard_->AddHeaders(response); };
    server_ =
        std::make_unique<cnproc::HttpServer>(options, [this](const cnproc::HttpRequest& request) {
          return guard_->Handle(request, [this](const cnproc::HttpRequest& passed) {
            return routes_.Handle(passed);
          });
        });
    if (!server_->Start().ok()) std::abort();
    const std::string bound = server_->BoundAddresses().at(0);
    const std::string_view port = std::string_view(bound).substr(bound.rfind(':') + 1);
    std::from_chars(port.data(), port.data() + port.size(), port_);
  }

  // What comes back until the server closes the connection, which it does within its time limits.
  std::string Exchange(std::string_view first, std::string_view second) const {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval patience = {10, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
      std::abort();
    (void)send(fd, first.data(), first.size(), MSG_NOSIGNAL);
    (void)send(fd, second.data(), second.size(), MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    std::string answer;
    char chunk[4096];
    ssize_t got = 0;
    while ((got = recv(fd, chunk, sizeof(chunk), 0)) > 0) answer.append(chunk, got);
    // It left us waiting; a reset is what those get who send more than is read.
    if (got < 0 && errno == EAGAIN) std::abort();
    close(fd);
    return answer;
  }

 private:
  Source source_;
  cnproc::Routes routes_{{}, source_};
  std::unique_ptr<cnproc::Guard> guard_;
  std::unique_ptr<cnproc::HttpServer> server_;
  uint16_t port_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto* const server = new Server();
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t part = data[0] < bytes.size() ? data[0] : bytes.size();
  const std::string answer = server->Exchange(bytes.substr(0, part), bytes.substr(part));
  if (!answer.empty() && !answer.starts_with("HTTP/1.1 ")) std::abort();
  // CivetWeb must say nothing of its own.
  if (!answer.empty() && answer.find("\r\nX-Content-Type-Options: nosniff\r\n") == answer.npos) {
    std::abort();
  }
  return 0;
}
