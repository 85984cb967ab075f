// SPDX-License-Identifier: Apache-2.0
// The target of a request line, percent-decoded (RFC 3986; the query as HTML forms encode it).
#ifndef CNPROC_EXPORTER_WEB_REQUEST_TARGET_H_
#define CNPROC_EXPORTER_WEB_REQUEST_TARGET_H_

#include <absl/status/status.h>

#include <string_view>

#include "exporter/web/http.h"

namespace cnproc {

// Sets path and query of the request from what stands between method and version: "/path?query", as
// proxies write it "http://host:port/path?query" (whatever the host: a proxy knows this server by
// names that the server does not know), or "*". InvalidArgument for another form, a "%" that two
// hexadecimal digits do not follow, and control characters: nothing of ours is called that.
absl::Status ParseTarget(std::string_view target, HttpRequest& request);

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_WEB_REQUEST_TARGET_H_
