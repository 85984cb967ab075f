// SPDX-License-Identifier: Apache-2.0
// From start to stop: addresses, threads, CivetWeb's options.
#include "exporter/web/http_server.h"

#include <absl/strings/str_cat.h>
#include <civetweb.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "collectors/base/time.h"
#include "exporter/log.h"
#include "exporter/web/http_server_impl.h"
#include "exporter/web/listen_address.h"
#include "exporter/web/worker_threads.h"

namespace cnproc {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kHeadTimeout{3000};
constexpr std::chrono::milliseconds kStopPatience{5000};
constexpr std::chrono::milliseconds kStartPatience{5000};
constexpr const char* kHowToGetThreads =
    "allow more (ulimit -u, TasksMax= of the unit, podPidsLimit of the kubelet or another pids "
    "limit "
    "of the container) or lower --web.max-requests";
// As CivetWeb tells them apart.
constexpr int kMasterThread = 0;
constexpr int kWorkerThread = 1;
constexpr int kQueuedConnections = 16;  // accepted, waiting for a worker
// What else of the exporter starts threads, and the one that accepts.
constexpr int kOtherThreads = 4;

}  // namespace

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

absl::StatusOr<int> HttpServer::Impl::PlanWorkers() const {
  const int startable = CountStartableThreads(options_.worker_threads + kOtherThreads);
  const int workers = std::min(options_.worker_threads, startable - kOtherThreads);
  if (workers < 1) {
    return absl::ResourceExhaustedError(absl::StrCat("the web server cannot start: ", startable,
                                                     " threads more can be started, and it needs ",
                                                     1 + kOtherThreads, ": ", kHowToGetThreads));
  }
  return workers;
}

mg_callbacks HttpServer::Impl::Callbacks() {
  mg_callbacks callbacks = {};
  callbacks.begin_request = [](mg_connection* connection) {
    return Of(connection).OnRequest(connection, Understood::kTarget);
  };
  callbacks.http_error = [](mg_connection* connection, int status, const char*) {
    Of(connection).OnError(connection, status);
    return 0;
  };
  callbacks.log_message = [](const mg_connection* connection, const char* message) {
    Of(connection).OnMessage(message);
    return 1;
  };
  callbacks.init_thread = [](const mg_context* context, int type) -> void* {
    Impl& self = Of(context);
    self.waiting_->WatchThisThread();
    if (type == kMasterThread) ++self.masters_;
    if (type == kWorkerThread) ++self.workers_;
    LeaveRealTime();
    ReleaseStack();
    return nullptr;
  };
  callbacks.init_connection = [](const mg_connection*, void** data) {
    *data = Unanswered();
    return 0;
  };
  callbacks.connection_close = [](const mg_connection* connection) {
    // CivetWeb hands out its own, not a constant.
    Of(connection).OnClose(const_cast<mg_connection*>(connection));
  };
  callbacks.connection_closed = [](const mg_connection*) { ReleaseStack(); };
  callbacks.external_ssl_ctx = [](void** ssl_context, void* self) {
    TlsContext* tls = static_cast<Impl*>(self)->options_.tls;
    if (tls == nullptr) return 0;
    // Called again at the end, where our context must not be freed.
    if (*ssl_context == nullptr) *ssl_context = tls->context();
    return 1;
  };
  return callbacks;
}

absl::Status HttpServer::Impl::Start() {
  mg_init_library(MG_FEATURES_DEFAULT);
  const absl::StatusOr<std::string> ports = ListeningPorts();
  if (!ports.ok()) return ports.status();
  const absl::StatusOr<int> workers = PlanWorkers();
  if (!workers.ok()) return workers.status();
  absl::Status descriptors = ReserveDescriptors(*workers, kQueuedConnections);
  if (!descriptors.ok()) return descriptors;
  waiting_.emplace(WaitingClients::Limits::For(*workers), [this](const std::string& address) {
    client_log_.Say("cut off a client", address,
                    "its address keeps too many connections waiting without asking for anything "
                    "or taking the answer",
                    MonotonicNs());
  });
  const std::string threads = absl::StrCat(*workers);
  const std::string queued = absl::StrCat(kQueuedConnections);
  const std::string timeout = absl::StrCat(kHeadTimeout.count());
  // With enable_auth_domain_check a request line with our own address in it gets no answer at all.
  const char* options[] = {"listening_ports",
                           ports->c_str(),
                           "num_threads",
                           threads.c_str(),
                           "connection_queue",
                           queued.c_str(),
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
  const mg_callbacks callbacks = Callbacks();
  context_ = mg_start(&callbacks, this, options);
  started_ = true;
  if (context_ != nullptr) return AwaitThreads(*workers);

  absl::Status reason = ProbeListenAddresses(addresses_);
  if (!reason.ok()) return reason;
  return absl::UnavailableError(
      absl::StrCat("the web server does not start on ", *ports, ": ", messages_.last()));
}

absl::Status HttpServer::Impl::AwaitThreads(int planned) {
  const auto deadline = Clock::now() + kStartPatience;
  while (masters_ < 1 || workers_ < planned) {
    if (Clock::now() >= deadline) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  if (masters_ < 1) {
    // Without its master the server cannot be stopped; the process is about to end.
    context_ = nullptr;
    abandoned_ = true;
    return absl::UnavailableError(absl::StrCat(
        "the web server's thread that accepts could not be started: ", kHowToGetThreads));
  }
  if (workers_ < options_.worker_threads) {
    Log(Severity::kWarn,
        absl::StrCat("the web server has fewer threads than --web.max-requests asks for: "
                     "scrapes may wait for each other; ",
                     kHowToGetThreads),
        {{"started", absl::StrCat(workers_.load())},
         {"wanted", absl::StrCat(options_.worker_threads)}});
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
  waiting_.reset();  // and those that were accepted last, which CivetWeb forgets
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
absl::Status HttpServer::Start() {
  absl::Status status = impl_->Start();
  // Its workers have it and nobody can end them.
  if (impl_->abandoned()) (void)impl_.release();
  return status;
}
void HttpServer::Stop() {
  if (impl_ != nullptr) impl_->Stop();
}
std::vector<std::string> HttpServer::BoundAddresses() const {
  return impl_ == nullptr ? std::vector<std::string>() : impl_->BoundAddresses();
}

}  // namespace cnproc
