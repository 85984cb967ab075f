// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/http_server.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <civetweb.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "collectors/base/mutex.h"
#include "collectors/base/time.h"
#include "exporter/log.h"
#include "exporter/web/listen_address.h"
#include "exporter/web/once_per.h"
#include "exporter/web/request_target.h"
#include "exporter/web/worker_threads.h"

namespace cnproc {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kClientTimeout{5000};
constexpr std::chrono::milliseconds kStopPatience{5000};
constexpr std::chrono::milliseconds kStartPatience{5000};
// As CivetWeb tells them apart.
constexpr int kMasterThread = 0;
constexpr int kWorkerThread = 1;
constexpr size_t kWriteChunkBytes = size_t{16} << 10;  // a record of TLS

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

// CivetWeb calls a request malformed if it does not know its method (TRACE, PURGE). It has then
// read the request line and no more.
bool IsMethodUnknownToCivetWeb(const mg_request_info* info) {
  if (info == nullptr || info->request_method == nullptr || info->http_version == nullptr) {
    return false;
  }
  const std::string_view method = info->request_method;
  const std::string_view version = info->http_version;
  return method != "GET" && method != "HEAD" && IsToken(method) &&
         (version == "1.0" || version == "1.1");
}

// Its wording must not depend on what the client sent.
HttpResponse ErrorPage(int status) {
  switch (status) {
    case 400:
      return PlainText(400, "400: the request is malformed or its head exceeds 16 KiB");
    case 413:
      return PlainText(413, "413: the request head exceeds 16 KiB");
    case 505:
      return PlainText(505, "505: only HTTP/1.0 and HTTP/1.1 are spoken here");
    default:
      return PlainText(status, absl::StrCat(status));
  }
}

std::string Head(mg_connection* connection, const HttpResponse& response) {
  std::string head;
  absl::StrAppend(&head, "HTTP/1.1 ", response.status, " ",
                  mg_get_response_code_text(connection, response.status), "\r\n");
  for (const auto& [name, value] : response.headers) {
    absl::StrAppend(&head, name, ": ", value, "\r\n");
  }
  absl::StrAppend(&head, "Content-Length: ", response.body.size(), "\r\nDate: ",
                  absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", absl::Now(), absl::UTCTimeZone()),
                  "\r\nConnection: close\r\n\r\n");
  return head;
}

// CivetWeb's timeout starts anew with every byte that a slow reader takes, hence the chunks and a
// deadline over all of them.
void Write(mg_connection* connection, std::string_view bytes, Clock::time_point deadline) {
  while (!bytes.empty() && Clock::now() < deadline) {
    const std::string_view chunk = bytes.substr(0, kWriteChunkBytes);
    const int written = mg_write(connection, chunk.data(), chunk.size());
    if (written != static_cast<int>(chunk.size())) return;
    bytes.remove_prefix(chunk.size());
  }
}

void Send(mg_connection* connection, const HttpResponse& response, bool with_body) {
  const auto deadline = Clock::now() + kClientTimeout;
  std::string head = Head(connection, response);
  if (with_body && response.body.size() <= kWriteChunkBytes) {
    head += response.body;  // one segment on the wire for a small answer
    Write(connection, head, deadline);
    return;
  }
  Write(connection, head, deadline);
  if (with_body) Write(connection, response.body, deadline);
}

// Of a request that is not `understood` nothing but the method is told.
HttpResponse Respond(const mg_request_info& info, bool understood, const Handler& handler) {
  HttpRequest request;
  request.method = info.request_method;
  request.client = info.remote_addr;
  if (!understood) return handler(request);
  // local_uri_raw is not decoded and its dots are not resolved: no file stands behind it.
  const absl::Status target =
      ParseTarget(info.local_uri_raw != nullptr ? info.local_uri_raw : "",
                  info.query_string != nullptr ? info.query_string : "", request);
  if (!target.ok()) request.fault = std::string(target.message());
  for (int i = 0; i < info.num_headers; ++i) {
    request.headers.emplace_back(info.http_headers[i].name, info.http_headers[i].value);
  }
  return handler(request);
}

// What CivetWeb says when it cannot start; later it is what clients provoke, handshakes that failed
// among it.
class Messages {
 public:
  // C code calls this, too. Without memory a message is dropped.
  void Note(const char* message) noexcept ABSL_LOCKS_EXCLUDED(mutex_) {
    try {
      if (started_) {
        Log(Severity::kDebug, message);
      } else {
        const MutexLock lock(mutex_);
        last_ = message;
      }
    } catch (const std::exception&) {
    }
  }
  void OnStart() { started_ = true; }
  std::string last() const ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    return last_;
  }

 private:
  std::atomic<bool> started_{false};
  mutable Mutex mutex_;
  std::string last_ ABSL_GUARDED_BY(mutex_);
};

// Out of memory, most likely, and then not even this may succeed; once a minute at most.
void TellFailure(const std::exception& failure) noexcept {
  static OncePer minute(60 * kNsPerSecond);
  if (!minute.IsDue()) return;
  try {
    Log(Severity::kError, "a request could not be answered", {{"error", failure.what()}});
  } catch (const std::exception&) {
  }
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(HttpServerOptions options, Handler handler)
      : options_(std::move(options)), handler_(std::move(handler)) {}

  absl::Status Start();
  void Stop();
  std::vector<std::string> BoundAddresses() const;

 private:
  absl::StatusOr<std::string> ListeningPorts();
  // CivetWeb does not tell if threads could not be started, not even the one that accepts.
  absl::Status AwaitThreads();
  // The addresses with the ports that they really have.
  std::vector<ListenAddress> OpenDoors() const;
  // Answers the request; its status is what the callback must return, which is never 0.
  int OnRequest(mg_connection* connection, bool understood = true);
  // Answers what CivetWeb could not read.
  void OnError(mg_connection* connection, int status);

  static Impl& Of(const mg_context* context) {
    return *static_cast<Impl*>(mg_get_user_data(context));
  }
  static Impl& Of(const mg_connection* connection) { return Of(mg_get_context(connection)); }

  const HttpServerOptions options_;
  const Handler handler_;
  std::vector<ListenAddress> addresses_;
  mg_context* context_ = nullptr;
  Messages messages_;
  std::atomic<int> masters_{0};
  std::atomic<int> workers_{0};
  std::atomic<int> running_requests_{0};
  std::atomic<bool> stopping_{false};
};

int HttpServer::Impl::OnRequest(mg_connection* connection, bool understood) {
  ++running_requests_;
  const mg_request_info* info = mg_get_request_info(connection);
  HttpResponse response;
  try {  // C code calls this: nothing may fly through it
    response = stopping_ ? PlainText(503, "503: the exporter is stopping")
                         : Respond(*info, understood, handler_);
    options_.complete(response);
    Send(connection, response, std::string_view(info->request_method) != "HEAD");
  } catch (const std::exception& error) {  // the connection is closed without an answer
    response.status = 500;
    TellFailure(error);
  }
  // Else CivetWeb would read what was sent with the request, for as long as it trickles.
  mg_disable_connection_keep_alive(connection);
  --running_requests_;
  return response.status;
}

void HttpServer::Impl::OnError(mg_connection* connection, int status) {
  if (status == 400 && IsMethodUnknownToCivetWeb(mg_get_request_info(connection))) {
    OnRequest(connection, /*understood=*/false);
    return;
  }
  try {
    HttpResponse response = ErrorPage(status);
    options_.complete(response);
    const char* method = mg_get_request_info(connection)->request_method;
    Send(connection, response, method == nullptr || std::string_view(method) != "HEAD");
  } catch (const std::exception& error) {  // as in OnRequest
    TellFailure(error);
  }
}

// As CivetWeb takes them: "+80" opens a port on IPv4 and IPv6, "443s" speaks TLS.
absl::StatusOr<std::string> HttpServer::Impl::ListeningPorts() {
  const bool ipv6_built_in = mg_check_feature(MG_FEATURES_IPV6) != 0;
  std::string ports;
  for (const std::string& text : options_.listen_addresses) {
    auto address = ParseListenAddress(text);
    if (!address.ok()) return address.status();
    if (address->family == ListenAddress::Family::kIpv6 && !ipv6_built_in) {
      return absl::UnimplementedError(
          absl::StrCat("cannot listen on ", text,
                       ": this build's CivetWeb has no IPv6; build with deploy/fetch-civetweb.sh"));
    }
    const bool both = address->family == ListenAddress::Family::kBoth;
    const std::string spec =
        both ? absl::StrCat(ipv6_built_in && Ipv6Available() ? "+" : "", address->port)
             : address->WithPort(address->port);
    absl::StrAppend(&ports, ports.empty() ? "" : ",", spec, options_.tls != nullptr ? "s" : "");
    addresses_.push_back(*std::move(address));
  }
  if (addresses_.empty()) return absl::InvalidArgumentError("no --web.listen-address");
  return ports;
}

absl::Status HttpServer::Impl::Start() {
  mg_init_library(MG_FEATURES_DEFAULT);
  const absl::StatusOr<std::string> ports = ListeningPorts();
  if (!ports.ok()) return ports.status();
  absl::Status descriptors = ReserveDescriptors(options_.worker_threads);
  if (!descriptors.ok()) return descriptors;
  const std::string threads = absl::StrCat(options_.worker_threads);
  const std::string timeout = absl::StrCat(kClientTimeout.count());
  // With enable_auth_domain_check a request line with our own address in it gets no answer at all.
  const char* options[] = {"listening_ports",
                           ports->c_str(),
                           "num_threads",
                           threads.c_str(),
                           "listen_backlog",
                           "1024",
                           "request_timeout_ms",
                           timeout.c_str(),
                           "max_request_size",
                           "16384",
                           "enable_keep_alive",
                           "no",
                           "decode_url",
                           "no",
                           "tcp_nodelay",
                           "1",
                           "enable_auth_domain_check",
                           "no",
                           nullptr};
  mg_callbacks callbacks = {};
  callbacks.begin_request = [](mg_connection* connection) {
    return Of(connection).OnRequest(connection);
  };
  callbacks.http_error = [](mg_connection* connection, int status, const char*) {
    Of(connection).OnError(connection, status);
    return 0;
  };
  callbacks.log_message = [](const mg_connection* connection, const char* message) {
    Of(connection).messages_.Note(message);
    return 1;
  };
  callbacks.init_thread = [](const mg_context* context, int type) -> void* {
    if (type == kMasterThread) ++Of(context).masters_;
    if (type == kWorkerThread) ++Of(context).workers_;
    LeaveRealTime();
    ReleaseStackOfStart();
    return nullptr;
  };
  callbacks.external_ssl_ctx = [](void** ssl_context, void* self) {
    TlsContext* tls = static_cast<Impl*>(self)->options_.tls;
    if (tls == nullptr) return 0;
    // Called again at the end, where our context must not be freed.
    if (*ssl_context == nullptr) *ssl_context = tls->context();
    return 1;
  };
  context_ = mg_start(&callbacks, this, options);
  messages_.OnStart();
  if (context_ != nullptr) return AwaitThreads();

  absl::Status reason = ProbeListenAddresses(addresses_);
  if (!reason.ok()) return reason;
  return absl::UnavailableError(
      absl::StrCat("the web server does not start on ", *ports, ": ", messages_.last()));
}

absl::Status HttpServer::Impl::AwaitThreads() {
  const auto deadline = Clock::now() + kStartPatience;
  while (masters_ < 1 || workers_ < options_.worker_threads) {
    if (Clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      continue;
    }
    const int started = workers_;
    if (masters_ > 0) {
      Stop();
    } else {
      context_ = nullptr;  // without its master it cannot be stopped; the process is about to end
    }
    return absl::UnavailableError(absl::StrCat(
        "only ", started, " of the ", options_.worker_threads,
        " threads of the web server could be started: allow more (ulimit -u, TasksMax= of the "
        "unit, the pids limit of the container) or lower --web.max-requests"));
  }
  return absl::OkStatus();
}

void HttpServer::Impl::Stop() {
  if (context_ == nullptr) return;
  stopping_ = true;
  // mg_stop cuts off answers that are being sent.
  const auto deadline = Clock::now() + kStopPatience;
  while (running_requests_ > 0 && Clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  // The thread that accepts looks for the end only between two connections, or after the seconds
  // that it waits for one (SOCKET_TIMEOUT_QUANTUM, deploy/cmake/Civetweb.cmake).
  const std::vector<ListenAddress> doors = OpenDoors();
  std::atomic<bool> stopped{false};
  std::thread knocker;
  try {
    knocker = std::thread([&doors, &stopped] {
      for (const auto pause : {5, 20, 50, 200}) {
        std::this_thread::sleep_for(std::chrono::milliseconds(pause));
        if (stopped) return;
        for (const ListenAddress& door : doors) Knock(door);
      }
    });
  } catch (const std::system_error&) {  // no thread to be had: then it takes those seconds
  }
  mg_stop(context_);
  stopped = true;
  if (knocker.joinable()) knocker.join();
  context_ = nullptr;
}

std::vector<ListenAddress> HttpServer::Impl::OpenDoors() const {
  std::vector<ListenAddress> doors = addresses_;
  std::vector<mg_server_port> ports(doors.size());
  const int count = mg_get_server_ports(context_, static_cast<int>(ports.size()), ports.data());
  doors.resize(static_cast<size_t>(std::max(count, 0)));
  for (size_t i = 0; i < doors.size(); ++i) doors[i].port = static_cast<uint16_t>(ports[i].port);
  return doors;
}

std::vector<std::string> HttpServer::Impl::BoundAddresses() const {
  std::vector<std::string> bound;
  if (context_ == nullptr) return bound;
  for (const ListenAddress& door : OpenDoors()) bound.push_back(door.WithPort(door.port));
  return bound;
}

HttpServer::HttpServer(HttpServerOptions options, Handler handler)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(handler))) {}
HttpServer::~HttpServer() { Stop(); }
absl::Status HttpServer::Start() { return impl_->Start(); }
void HttpServer::Stop() { impl_->Stop(); }
std::vector<std::string> HttpServer::BoundAddresses() const { return impl_->BoundAddresses(); }

}  // namespace cnproc
