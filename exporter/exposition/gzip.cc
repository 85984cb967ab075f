// SPDX-License-Identifier: Apache-2.0
#include "exporter/exposition/gzip.h"

#include <zlib.h>

#include <limits>

namespace cnproc {

std::optional<std::string> Gzip(std::string_view page) {
  constexpr int kGzipWrapper = 16;  // added to the window bits
  constexpr int kMemoryLevel = 8;
  if (page.size() > std::numeric_limits<uInt>::max()) return std::nullopt;
  z_stream stream = {};
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, MAX_WBITS + kGzipWrapper, kMemoryLevel,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return std::nullopt;
  }
  std::string packed(deflateBound(&stream, page.size()), '\0');
  // zlib does not write to its input; its interface is older than const.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(page.data()));
  stream.avail_in = static_cast<uInt>(page.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int result = deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) return std::nullopt;
  return packed;
}

}  // namespace cnproc
