// SPDX-License-Identifier: Apache-2.0
// The inside of HttpServer: http_server.cc starts and stops, http_connection.cc serves. These three
// files know CivetWeb and nobody else does.
#ifndef CNPROC_EXPORTER_WEB_HTTP_SERVER_IMPL_H_
#define CNPROC_EXPORTER_WEB_HTTP_SERVER_IMPL_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <civetweb.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collectors/base/mutex.h"
#include "exporter/log.h"
#include "exporter/web/client_log.h"
#include "exporter/web/http_server.h"
#include "exporter/web/listen_address.h"
#include "exporter/web/waiting_clients.h"

namespace cnproc {

// The last of what CivetWeb says when it cannot start.
class StartMessages {
 public:
  void Note(const char* message) ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    last_ = message;
  }
  std::string last() const ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    return last_;
  }

 private:
  mutable Mutex mutex_;
  std::string last_ ABSL_GUARDED_BY(mutex_);
};

// How much of a request CivetWeb has understood.
enum class Understood {
  kMethod,
  kHead,
  kTarget,  // it has cut the target in two at the "?"
};

class HttpServer::Impl {
 public:
  Impl(HttpServerOptions options, Handler handler)
      : options_(std::move(options)), handler_(std::move(handler)) {}

  absl::Status Start();
  void Stop();
  std::vector<std::string> BoundAddresses() const;
  // Its start has failed and left threads that know this object for ever.
  bool abandoned() const { return abandoned_; }

 private:
  absl::StatusOr<std::string> ListeningPorts();
  // What the machine lets us start, at most what was asked for.
  absl::StatusOr<int> PlanWorkers() const;
  mg_callbacks Callbacks();
  // CivetWeb does not tell if threads could not be started, not even the one that accepts.
  absl::Status AwaitThreads(int planned);
  // The addresses with the ports that they really have.
  std::vector<ListenAddress> OpenDoors() const;
  // Answers the request; its status is what the callback must return, which is never 0.
  int OnRequest(mg_connection* connection, Understood understood);
  // Answers what CivetWeb could not read.
  void OnError(mg_connection* connection, int status);
  void OnMessage(const char* message);
  void OnClose(mg_connection* connection);
  // What stands at a connection until its request is answered.
  static void* Unanswered();
  // Of the client that has just got no TLS on this thread.
  void OnFailedHandshake(std::string_view reason);

  HttpResponse ResponseTo(const mg_request_info& info, Understood understood);
  void Send(mg_connection* connection, const HttpResponse& response, bool with_body);
  void Write(mg_connection* connection, std::string_view bytes,
             std::chrono::steady_clock::time_point deadline);

  static Impl& Of(const mg_context* context) {
    return *static_cast<Impl*>(mg_get_user_data(context));
  }
  static Impl& Of(const mg_connection* connection) { return Of(mg_get_context(connection)); }

  const HttpServerOptions options_;
  const Handler handler_;
  std::vector<ListenAddress> addresses_;
  mg_context* context_ = nullptr;
  StartMessages messages_;
  ClientLog client_log_{
      [](std::string_view what, std::string_view client, std::string_view reason, uint64_t times) {
        // An IPv4 address that came to a socket of both families.
        if (client.starts_with("::ffff:")) client.remove_prefix(7);
        Log(Severity::kInfo, what,
            {{"client", client}, {"reason", reason}, {"times", absl::StrCat(times)}});
      }};
  std::optional<WaitingClients> waiting_;  // from Start on
  bool abandoned_ = false;
  std::atomic<bool> started_{false};
  std::atomic<int> masters_{0};
  std::atomic<int> workers_{0};
  std::atomic<int> running_requests_{0};
  std::atomic<bool> stopping_{false};
};

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_WEB_HTTP_SERVER_IMPL_H_
