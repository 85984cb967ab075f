// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/request_target.h"

#include <strings.h>

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

// What follows "http://host", "" if nothing does; nothing for another form of target.
std::optional<std::string_view> AfterAuthority(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() < scheme.size() ||
        strncasecmp(target.data(), scheme.data(), scheme.size()) != 0) {
      continue;
    }
    target.remove_prefix(scheme.size());
    const size_t end = target.find_first_of("/?");
    if (target.empty() || end == 0) return std::nullopt;
    return end == std::string_view::npos ? std::string_view() : target.substr(end);
  }
  return std::nullopt;
}

}  // namespace

absl::Status ParseTarget(std::string_view target, HttpRequest& request) {
  if (target == "*") {
    request.path = "*";
    request.query.clear();
    return absl::OkStatus();
  }
  std::string_view relative = target;
  bool path_is_needed = true;
  if (const auto rest = AfterAuthority(target)) {
    relative = *rest;
    path_is_needed = false;
  }
  const size_t question = relative.find('?');
  const std::string_view raw_path = relative.substr(0, question);
  std::string_view raw_query =
      question == std::string_view::npos ? std::string_view() : relative.substr(question + 1);
  auto path = Decode(raw_path, /*plus_is_space=*/false);
  if (path && path->empty() && !path_is_needed) path = "/";
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
