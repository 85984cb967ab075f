// SPDX-License-Identifier: Apache-2.0
#ifndef CNPROC_EXPORTER_EXPOSITION_GZIP_H_
#define CNPROC_EXPORTER_EXPOSITION_GZIP_H_

#include <optional>
#include <string>
#include <string_view>

namespace cnproc {

// The page as one gzip member, at zlib's fastest level. nullopt if zlib has no memory: send the
// page as it is then.
std::optional<std::string> Gzip(std::string_view page);

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_EXPOSITION_GZIP_H_
