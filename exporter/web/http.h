// SPDX-License-Identifier: Apache-2.0
// The vocabulary of the web side: what a request asks and what a response says, without a socket.
#ifndef CNPROC_EXPORTER_WEB_HTTP_H_
#define CNPROC_EXPORTER_WEB_HTTP_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cnproc {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// One parsed request of at most 16 KiB, of any method. path and query are percent-decoded; path is
// "*" for a request that means the server as a whole. Of a method that HTTP does not know nothing
// but the method is there.
struct HttpRequest {
  std::string method = "GET";
  std::string path = "/";
  std::vector<std::pair<std::string, std::string>> query;  // in the order of the request
  HttpHeaders headers;
  std::string client;  // its address, without the port
  std::string fault;   // what is wrong with the target; then there is no path and no query

  // The value of the header of that name (ASCII case is ignored), several joined with ", " as RFC
  // 9110 allows; "" if there is none.
  std::string Header(std::string_view name) const;
};

// The server adds Content-Length and Date, and leaves the body out of the answer to HEAD.
struct HttpResponse {
  int status = 200;
  HttpHeaders headers;
  std::string body;
  // Whatever must live until the last byte is sent; bounds how many pages wait for slow readers.
  std::shared_ptr<void> lease;
};

// Called from many threads at once.
using Handler = std::function<HttpResponse(const HttpRequest&)>;

// What every answer begins with: its type, and what a browser must not do with it.
HttpHeaders AnswerHeaders(std::string_view content_type);

// A short text/plain answer; message ends without a newline.
HttpResponse PlainText(int status, std::string_view message);

// The answer to what is no request, in words that do not depend on what the client sent.
HttpResponse MalformedRequest(int status);

// Status line and headers, up to the empty line.
std::string FormatHead(const HttpResponse& response, std::string_view reason_phrase);

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_WEB_HTTP_H_
