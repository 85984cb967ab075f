// SPDX-License-Identifier: Apache-2.0
// The Authorization header of strangers. One of the seeds is the right one.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "exporter/web/basic_auth.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Of "b", at bcrypt's least cost.
  static cnproc::BasicAuth auth(
      {{"a", "$2y$04$abcdefghijklmnopqrstuu12f.Pu8ic0A965BfTwGcW6x7Xin9Xgu"}});
  const std::string_view header(reinterpret_cast<const char*>(data), size);
  const bool allowed = auth.Check(header) == cnproc::BasicAuth::Verdict::kAllowed;
  if (!allowed) return 0;
  std::string login;
  constexpr size_t kScheme = sizeof("Basic ") - 1;
  const std::string_view encoded = header.substr(kScheme);
  if (!absl::Base64Unescape(absl::string_view(encoded.data(), encoded.size()), &login)) {
    std::abort();
  }
  if (login != "a:b") std::abort();
  return 0;
}
