// SPDX-License-Identifier: Apache-2.0
#ifndef CNPROC_TESTS_EXPORTER_GUNZIP_H_
#define CNPROC_TESTS_EXPORTER_GUNZIP_H_

#include <zlib.h>

#include <string>

namespace cnproc {

// The content of one gzip member; "" if it is none or not whole.
inline std::string Gunzip(std::string packed) {
  z_stream stream = {};
  if (inflateInit2(&stream, MAX_WBITS + 16) != Z_OK) return "";
  stream.next_in = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string content;
  int result = Z_OK;
  while (result == Z_OK) {
    char chunk[4096];
    stream.next_out = reinterpret_cast<Bytef*>(chunk);
    stream.avail_out = sizeof(chunk);
    result = inflate(&stream, Z_NO_FLUSH);
    content.append(chunk, sizeof(chunk) - stream.avail_out);
  }
  inflateEnd(&stream);
  return result == Z_STREAM_END ? content : "";
}

}  // namespace cnproc

#endif  // CNPROC_TESTS_EXPORTER_GUNZIP_H_
