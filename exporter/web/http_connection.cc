// SPDX-License-Identifier: Apache-2.0
// One connection: what CivetWeb calls on a worker's thread.
#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <civetweb.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include "collectors/base/time.h"
#include "exporter/log.h"
#include "exporter/web/http_server_impl.h"
#include "exporter/web/once_per.h"
#include "exporter/web/request_target.h"

namespace cnproc {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kAnswerTimeout{5000};
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

// CivetWeb calls a target malformed if it knows no such form. All of the head is there then.
bool IsWholeHead(const mg_request_info* info) {
  if (info == nullptr || info->request_method == nullptr || info->request_uri == nullptr ||
      info->http_version == nullptr || info->num_headers < 0) {
    return false;
  }
  const std::string_view method = info->request_method;
  const std::string_view version = info->http_version;
  return (method == "GET" || method == "HEAD") && (version == "1.0" || version == "1.1");
}

HttpResponse Respond(const mg_request_info& info, Understood understood, const Handler& handler) {
  HttpRequest request;
  request.method = info.request_method;
  request.client = info.remote_addr;
  if (understood == Understood::kMethod) return handler(request);
  // It keeps one more than we let in, so that the one too many is seen (Civetweb.cmake).
  if (info.num_headers >= MG_MAX_HEADERS) {
    return PlainText(
        431, absl::StrCat("431: the request has more than ", MG_MAX_HEADERS - 1, " header fields"));
  }
  std::string target = info.request_uri;
  if (understood == Understood::kTarget && info.query_string != nullptr) {
    absl::StrAppend(&target, "?", info.query_string);
  }
  const absl::Status parsed = ParseTarget(target, request);
  if (!parsed.ok()) request.fault = std::string(parsed.message());
  for (int i = 0; i < info.num_headers; ++i) {
    request.headers.emplace_back(info.http_headers[i].name, info.http_headers[i].value);
  }
  return handler(request);
}

WaitingClients::Peer PeerOf(const mg_request_info& info) {
  return {info.remote_addr, static_cast<uint16_t>(info.remote_port),
          static_cast<uint16_t>(info.server_port)};
}

// Of "sslize error: error:0A000126:SSL routines::unexpected eof while reading" the last part.
std::optional<std::string_view> ReasonOfFailedHandshake(std::string_view message) {
  if (message.starts_with("SSL syscall error")) return "the connection broke";
  if (!message.starts_with("sslize error: ")) return std::nullopt;
  return message.substr(message.rfind(':') + 1);
}

// Out of memory, most likely, and then not even this may succeed; once a minute at most.
void SayFailure(const std::exception& failure) noexcept {
  static OncePer minute(60 * kNsPerSecond);
  if (!minute.IsDue()) return;
  try {
    Log(Severity::kError, "a request could not be answered", {{"error", failure.what()}});
  } catch (const std::exception&) {
  }
}

}  // namespace

void* HttpServer::Impl::Unanswered() {
  static char unanswered;
  return &unanswered;
}

// CivetWeb's timeout starts anew with every byte that a slow reader takes, hence the chunks and a
// deadline over all of them.
void HttpServer::Impl::Write(mg_connection* connection, std::string_view bytes,
                             Clock::time_point deadline) {
  const WaitingClients::Peer peer = PeerOf(*mg_get_request_info(connection));
  while (!bytes.empty() && Clock::now() < deadline) {
    const std::string_view chunk = bytes.substr(0, kWriteChunkBytes);
    if (!waiting_->AwaitSpace(peer, deadline)) return;
    const int written = mg_write(connection, chunk.data(), chunk.size());
    if (written != static_cast<int>(chunk.size())) return;
    bytes.remove_prefix(chunk.size());
  }
}

void HttpServer::Impl::Send(mg_connection* connection, const HttpResponse& response,
                            bool with_body) {
  const auto deadline = Clock::now() + kAnswerTimeout;
  std::string head = FormatHead(response, mg_get_response_code_text(connection, response.status));
  if (with_body && response.body.size() <= kWriteChunkBytes) {
    head += response.body;  // one segment on the wire for a small answer
    Write(connection, head, deadline);
    return;
  }
  Write(connection, head, deadline);
  if (with_body) Write(connection, response.body, deadline);
}

HttpResponse HttpServer::Impl::ResponseTo(const mg_request_info& info, Understood understood) {
  if (stopping_) return PlainText(503, "503: the exporter is stopping");
  const WaitingClients::Peer peer = PeerOf(info);
  waiting_->BeginToServe(peer);
  if (!waiting_->TakesNoAnswers(peer)) return Respond(info, understood, handler_);
  HttpResponse response =
      PlainText(503, "503: too many answers are on their way to this address that nobody takes");
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

int HttpServer::Impl::OnRequest(mg_connection* connection, Understood understood) {
  ++running_requests_;
  const mg_request_info* info = mg_get_request_info(connection);
  mg_set_user_connection_data(connection, nullptr);
  HttpResponse response;
  try {  // C code calls this: nothing may fly through it
    response = ResponseTo(*info, understood);
    options_.complete(response);
    Send(connection, response, std::string_view(info->request_method) != "HEAD");
  } catch (const std::exception& error) {  // the connection is closed without an answer
    response.status = 500;
    SayFailure(error);
  }
  // Else CivetWeb would read what was sent with the request, for as long as it trickles.
  mg_disable_connection_keep_alive(connection);
  --running_requests_;
  return response.status;
}

void HttpServer::Impl::OnError(mg_connection* connection, int status) {
  const mg_request_info* info = mg_get_request_info(connection);
  if (status == 400 && IsMethodUnknownToCivetWeb(info)) {
    OnRequest(connection, Understood::kMethod);
    return;
  }
  if (status == 400 && IsWholeHead(info)) {
    OnRequest(connection, Understood::kHead);
    return;
  }
  mg_set_user_connection_data(connection, nullptr);
  try {
    HttpResponse response = MalformedRequest(status);
    options_.complete(response);
    const char* method = info->request_method;
    Send(connection, response, method == nullptr || std::string_view(method) != "HEAD");
  } catch (const std::exception& error) {  // as in OnRequest
    SayFailure(error);
  }
}

void HttpServer::Impl::OnMessage(const char* message) {
  try {  // C code calls this, too. Without memory a message is dropped.
    if (!started_) {
      messages_.Note(message);
      return;
    }
    if (const auto reason = ReasonOfFailedHandshake(message)) {
      OnFailedHandshake(*reason);
    } else {
      Log(Severity::kDebug, message);
    }
  } catch (const std::exception&) {
  }
}

// CivetWeb has no word for the connection yet.
void HttpServer::Impl::OnFailedHandshake(std::string_view reason) {
  const int fd = TlsContext::HandshakeSocket();
  const std::optional<std::string> client = waiting_->AddressOf(fd);
  if (!client) return;
  std::string why(reason);
  // An alert is what the client thinks of us.
  if (reason.find(" alert ") != std::string_view::npos) why.insert(0, "it refused this server: ");
  const std::string_view complaint = TlsContext::TakeComplaint();
  if (!complaint.empty()) why.append(": ").append(complaint);
  if (reason == "http request") {
    why = "it spoke HTTP without TLS";
    HttpResponse response = PlainText(400, "400: this port speaks TLS: ask with https://");
    options_.complete(response);
    SendPlain(fd, FormatHead(response, "Bad Request") + response.body);
  }
  client_log_.Say("refused a TLS client", *client, why, MonotonicNs());
}

// CivetWeb closes the connection without a word if the target is "*" or names another host.
void HttpServer::Impl::OnClose(mg_connection* connection) {
  const mg_request_info* info = mg_get_request_info(connection);
  if (info != nullptr && info->request_uri != nullptr &&
      mg_get_user_connection_data(connection) == Unanswered()) {
    OnRequest(connection, Understood::kHead);
  }
}

}  // namespace cnproc
