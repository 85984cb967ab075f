// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/web_config.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "exporter/small_file.h"
#include "exporter/web/basic_auth.h"
#include "exporter/web/web_config_reader.h"

namespace cnproc {
namespace {

// What the toolkit lets a file set, and what these may say where it is fixed.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kHeaders = {{
    {"Content-Security-Policy", ""},
    {"Strict-Transport-Security", ""},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "deny,sameorigin"},
    {"X-XSS-Protection", ""},
}};

}  // namespace

absl::Status WebConfigReader::ReadFile(const YAML::Node& document, WebConfig& config) const {
  bool http2 = true;
  YAML::Node tls;
  absl::Status status = ReadMap(
      document, "the file",
      {{"tls_server_config",
        [&](const YAML::Node& node) {
          tls.reset(node);
          return ReadTls(node, config);
        }},
       {"http_server_config",
        [&](const YAML::Node& node) { return ReadHttp(node, config, http2); }},
       {"basic_auth_users", [&](const YAML::Node& node) { return ReadUsers(node, config); }},
       {"rate_limit", [&](const YAML::Node& node) { return ReadRateLimit(node, config); }}});
  if (status.ok()) status = CheckHttp2(tls, config, http2);
  return status;
}

YamlReader::Read WebConfigReader::Text(const char* name, std::string& text) const {
  return [this, name, &text](const YAML::Node& node) -> absl::Status {
    if (node.IsNull()) return absl::OkStatus();
    if (!node.IsScalar()) return Error(node, absl::StrCat(name, " must be a string"));
    text = node.Scalar();
    return absl::OkStatus();
  };
}

YamlReader::Read WebConfigReader::Path(const char* name, std::string& path) const {
  return [this, read = Text(name, path), &path](const YAML::Node& node) -> absl::Status {
    absl::Status status = read(node);
    if (status.ok() && !path.empty()) path = (folder_ / path).string();
    return status;
  };
}

YamlReader::Read WebConfigReader::Flag(const char* name, bool& flag) const {
  return [this, name, &flag](const YAML::Node& node) -> absl::Status {
    // yaml-cpp tags a plain scalar "?", a quoted one "!", which is a string.
    if (node.IsScalar() && node.Tag() == "?" && YAML::convert<bool>::decode(node, flag)) {
      return absl::OkStatus();
    }
    return Error(node, absl::StrCat(name, " must be true or false"));
  };
}

YamlReader::Read WebConfigReader::List(const char* name, std::vector<std::string>& texts) const {
  return [this, name, &texts](const YAML::Node& node) -> absl::Status {
    if (node.IsNull()) return absl::OkStatus();
    if (!node.IsSequence()) return Error(node, absl::StrCat(name, " must be a list"));
    for (const YAML::Node& item : node) {
      if (!item.IsScalar() || item.Scalar().empty()) {
        return Error(item, absl::StrCat("each of ", name, " must be a string"));
      }
      texts.push_back(item.Scalar());
    }
    return absl::OkStatus();
  };
}

absl::Status WebConfigReader::ReadRateLimit(const YAML::Node& node, WebConfig& config) const {
  absl::Duration interval;
  const auto read_interval = [&](const YAML::Node& value) {
    const std::string text = value.IsScalar() ? value.Scalar() : "";
    int64_t nanoseconds = 0;  // what a number without a unit means
    if (absl::SimpleAtoi(text, &nanoseconds)) {
      interval = absl::Nanoseconds(nanoseconds);
    } else if (!absl::ParseDuration(text, &interval)) {
      return Error(value, "interval must be a duration, as 100ms");
    }
    return absl::OkStatus();
  };
  const auto read_burst = [&](const YAML::Node& value) {
    int burst = 0;
    if (value.IsScalar() && absl::SimpleAtoi(value.Scalar(), &burst)) return absl::OkStatus();
    return Error(value, "burst must be a whole number");
  };
  absl::Status status =
      ReadMap(node, "rate_limit", {{"interval", read_interval}, {"burst", read_burst}});
  if (status.ok() && interval != absl::ZeroDuration()) {
    config.not_done.emplace_back(
        "rate_limit: requests are not limited in rate; see --web.max-requests");
  }
  return status;
}

absl::Status WebConfigReader::ReadHttp(const YAML::Node& node, WebConfig& config,
                                       bool& http2) const {
  return ReadMap(
      node, "http_server_config",
      {{"http2",
        [&](const YAML::Node& value) {
          absl::Status status = Flag("http2", http2)(value);
          if (status.ok() && http2) config.not_done.emplace_back("http2: HTTP/1.1 is spoken here");
          return status;
        }},
       {"headers", [&](const YAML::Node& value) { return ReadHeaders(value, config); }}});
}

absl::Status WebConfigReader::ReadHeaders(const YAML::Node& node, WebConfig& config) const {
  if (node.IsNull()) return absl::OkStatus();
  if (!node.IsMap()) return Error(node, "headers must be a map");
  for (const auto& entry : node) {
    const std::string name = entry.first.IsScalar() ? entry.first.Scalar() : "";
    const auto* const known = std::find_if(
        kHeaders.begin(), kHeaders.end(), [&](const auto& header) { return header.first == name; });
    if (known == kHeaders.end()) {
      return Error(entry.first,
                   absl::StrCat("header \"", name, "\" cannot be set; these can: ",
                                absl::StrJoin(kHeaders, ", ", [](std::string* out, const auto& h) {
                                  out->append(h.first);
                                })));
    }
    for (const auto& [other, text] : config.headers) {
      if (other == name) return Error(entry.first, absl::StrCat("\"", name, "\" is there twice"));
    }
    const std::string value = entry.second.IsScalar() ? entry.second.Scalar() : "";
    const bool printable =
        std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
    if (!printable || (!entry.second.IsScalar() && !entry.second.IsNull())) {
      return Error(entry.second, absl::StrCat(name, " must be printable text"));
    }
    const std::string_view allowed = known->second;
    if (value.empty() && allowed.empty()) continue;  // as the toolkit: not set
    if (!allowed.empty() && (value.find(',') != std::string::npos ||
                             !absl::StrContains(absl::StrCat(",", std::string(allowed), ","),
                                                absl::StrCat(",", value, ",")))) {
      return Error(entry.second,
                   absl::StrCat(name, ": \"", value, "\" is none of ", std::string(allowed)));
    }
    config.headers.emplace_back(name, value);
  }
  return absl::OkStatus();
}

absl::Status WebConfigReader::ReadUsers(const YAML::Node& node, WebConfig& config) const {
  if (node.IsNull()) return absl::OkStatus();
  if (!node.IsMap()) return Error(node, "basic_auth_users must be a map");
  for (const auto& entry : node) {
    const std::string name = entry.first.IsScalar() ? entry.first.Scalar() : "";
    if (name.empty() || name.find(':') != std::string::npos) {
      return Error(entry.first, "a user name must be a string without \":\"");
    }
    const std::string hash = entry.second.IsScalar() ? entry.second.Scalar() : "";
    if (!IsBcryptHash(hash)) {
      return Error(entry.second, absl::StrCat("the password of \"", name,
                                              "\" is no bcrypt hash ($2y$ and 57 characters; make "
                                              "one with: htpasswd -nBC 10 \"\")"));
    }
    if (BcryptCost(hash) > kMaxBcryptCost) {
      return Error(entry.second, absl::StrCat("the password of \"", name,
                                              "\" has a bcrypt cost of ", BcryptCost(hash),
                                              "; a login would take longer than a client waits, "
                                              "and nobody else could log in meanwhile: ",
                                              kMaxBcryptCost, " at most"));
    }
    if (!config.basic_auth_users.emplace(name, hash).second) {
      return Error(entry.first, absl::StrCat("user \"", name, "\" is there twice"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<WebConfig> ParseWebConfig(const std::string& text, const std::string& file) {
  return WebConfigReader(file).ReadText(text);
}

absl::StatusOr<WebConfig> ReadWebConfig(const std::string& file) {
  absl::StatusOr<std::string> text = ReadSmallFile(file);
  if (!text.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--web.config.file: ", text.status().message()));
  }
  return ParseWebConfig(*text, file);
}

}  // namespace cnproc
