// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/http.h"

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <strings.h>

namespace cnproc {
namespace {

bool SameName(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

std::string HttpRequest::Header(std::string_view name) const {
  std::string joined;
  for (const auto& [key, value] : headers) {
    if (!SameName(key, name)) continue;
    if (!joined.empty()) joined += ", ";
    joined += value;
  }
  return joined;
}

HttpHeaders AnswerHeaders(std::string_view content_type) {
  return {{"Content-Type", std::string(content_type)},
          {"Cache-Control", "no-store"},
          {"X-Content-Type-Options", "nosniff"},
          {"X-Frame-Options", "DENY"},
          {"Referrer-Policy", "no-referrer"},
          {"Content-Security-Policy",
           "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
           "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}};
}

HttpResponse PlainText(int status, std::string_view message) {
  HttpResponse response;
  response.status = status;
  response.headers = AnswerHeaders("text/plain; charset=utf-8");
  response.body.append(message).push_back('\n');
  return response;
}

HttpResponse MalformedRequest(int status) {
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

std::string FormatHead(const HttpResponse& response, std::string_view reason_phrase) {
  std::string head = absl::StrCat("HTTP/1.1 ", response.status, " ");
  head.append(reason_phrase).append("\r\n");
  for (const auto& [name, value] : response.headers) {
    absl::StrAppend(&head, name, ": ", value, "\r\n");
  }
  absl::StrAppend(&head, "Content-Length: ", response.body.size(), "\r\nDate: ",
                  absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", absl::Now(), absl::UTCTimeZone()),
                  "\r\nConnection: close\r\n\r\n");
  return head;
}

}  // namespace cnproc
