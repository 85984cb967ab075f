// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/http.h"

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

}  // namespace cnproc
