// SPDX-License-Identifier: Apache-2.0
// Accept and Accept-Encoding of strangers.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "exporter/exposition/negotiation.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string header(reinterpret_cast<const char*>(data), size);
  const cnproc::Format format = cnproc::NegotiateFormat(header);
  const bool gzip = cnproc::AcceptsGzip(header);
  // What is not named is not chosen: only text is served unasked.
  if (format != cnproc::Format::kText && header.find('/') == std::string::npos) std::abort();
  if (gzip && header.find_first_of("zZ*") == std::string::npos) std::abort();
  // A range behind all others, with nothing to prefer in it, changes nothing.
  const bool closed = header.find('"') == std::string::npos;
  if (closed && cnproc::NegotiateFormat(header + ",a/b") != format) std::abort();
  return 0;
}
