// SPDX-License-Identifier: Apache-2.0
// Which format a scraper gets: the Accept and Accept-Encoding headers (RFC 9110, section 12.5).
#ifndef CNPROC_EXPORTER_EXPOSITION_NEGOTIATION_H_
#define CNPROC_EXPORTER_EXPOSITION_NEGOTIATION_H_

#include <string_view>

namespace cnproc {

enum class Format { kText, kOpenMetrics, kProtobuf };

// The format with the highest q; at equal q the more specific media range, then the one named
// first. Without an acceptable type: text, as a page is better than none.
Format NegotiateFormat(std::string_view accept);

// Whether the header allows gzip (by name or by *, q > 0). Without the header: no.
bool AcceptsGzip(std::string_view accept_encoding);

// The Content-Type of a page, as Prometheus' own client library writes it.
std::string_view ContentType(Format format);

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_EXPOSITION_NEGOTIATION_H_
