// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/request_target.h"

#include <optional>
#include <string>
#include <utility>

namespace cnproc {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Control characters are refused after decoding, so that "%00" hides nothing.
std::optional<std::string> Decode(std::string_view raw, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(raw.size());
  for (size_t i = 0; i < raw.size(); ++i) {
    char c = raw[i];
    if (c == '%') {
      if (raw.size() - i < 3) return std::nullopt;
      const int high = HexDigit(raw[i + 1]);
      const int low = HexDigit(raw[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) return std::nullopt;
    decoded.push_back(c);
  }
  return decoded;
}

}  // namespace

absl::Status ParseTarget(std::string_view raw_path, std::string_view raw_query,
                         HttpRequest& request) {
  auto path = Decode(raw_path, /*plus_is_space=*/false);
  if (!path || path->empty() || path->front() != '/') {
    return absl::InvalidArgumentError("malformed path");
  }
  request.path = *std::move(path);
  request.query.clear();
  while (!raw_query.empty()) {
    const size_t end = raw_query.find('&');
    const std::string_view pair = raw_query.substr(0, end);
    raw_query = end == std::string_view::npos ? std::string_view() : raw_query.substr(end + 1);
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    auto name = Decode(pair.substr(0, equals), /*plus_is_space=*/true);
    auto value = Decode(equals == std::string_view::npos ? "" : pair.substr(equals + 1),
                        /*plus_is_space=*/true);
    if (!name || !value) return absl::InvalidArgumentError("malformed query");
    request.query.emplace_back(*std::move(name), *std::move(value));
  }
  return absl::OkStatus();
}

}  // namespace cnproc
