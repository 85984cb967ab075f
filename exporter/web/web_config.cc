// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/web_config.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "exporter/small_file.h"
#include "exporter/web/basic_auth.h"
#include "exporter/yaml_reader.h"

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

template <typename T>
struct Choice {
  std::string_view name;
  T value;
};

class WebConfigReader : private YamlReader {
 public:
  explicit WebConfigReader(const std::string& file)
      : YamlReader(file), folder_(std::filesystem::path(file).parent_path()) {}

  absl::StatusOr<WebConfig> ReadText(const std::string& text) const {
    WebConfig config;
    absl::Status status =
        ReadDocument(text, [&](const YAML::Node& document) { return ReadFile(document, config); });
    if (!status.ok()) return status;
    return config;
  }

 private:
  absl::Status ReadFile(const YAML::Node& document, WebConfig& config) const {
    return ReadMap(
        document, "the file",
        {{"tls_server_config", [&](const YAML::Node& node) { return ReadTls(node, config); }},
         {"http_server_config", [&](const YAML::Node& node) { return ReadHttp(node, config); }},
         {"basic_auth_users", [&](const YAML::Node& node) { return ReadUsers(node, config); }},
         {"rate_limit", [&](const YAML::Node& node) {
            return Unsupported(node, "rate_limit", "see --web.max-requests");
          }}});
  }

  absl::Status Unsupported(const YAML::Node& node, std::string_view name,
                           std::string_view hint) const {
    return Error(node, absl::StrCat(std::string(name), " is not supported: ", std::string(hint)));
  }

  // A scalar that may be empty. `name` names it in errors.
  Read Text(const char* name, std::string& text) const;
  Read Path(const char* name, std::string& path) const;
  Read Flag(const char* name, bool& flag) const;
  Read List(const char* name, std::vector<std::string>& texts) const;
  template <typename T, size_t kCount>
  Read OneOf(const char* name, const std::array<Choice<T>, kCount>& choices, T& chosen) const;

  absl::Status ReadTls(const YAML::Node& node, WebConfig& config) const;
  absl::Status CheckTls(const YAML::Node& node, const TlsConfig& tls) const;
  absl::Status ReadHttp(const YAML::Node& node, WebConfig& config) const;
  absl::Status ReadHeaders(const YAML::Node& node, WebConfig& config) const;
  absl::Status ReadUsers(const YAML::Node& node, WebConfig& config) const;

  const std::filesystem::path folder_;
};

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

template <typename T, size_t kCount>
YamlReader::Read WebConfigReader::OneOf(const char* name,
                                        const std::array<Choice<T>, kCount>& choices,
                                        T& chosen) const {
  return [this, name, &choices, &chosen](const YAML::Node& node) -> absl::Status {
    if (!node.IsScalar() && !node.IsNull()) {
      return Error(node, absl::StrCat(name, " must be a string"));
    }
    const std::string& text = node.Scalar();
    if (text.empty()) return absl::OkStatus();  // as the toolkit: the default
    for (const Choice<T>& choice : choices) {
      if (choice.name != text) continue;
      chosen = choice.value;
      return absl::OkStatus();
    }
    const std::string known = absl::StrJoin(
        choices, ", ", [](std::string* out, const Choice<T>& c) { out->append(c.name); });
    return Error(node, absl::StrCat(name, ": \"", text, "\" is not supported; one of ", known));
  };
}

constexpr std::array<Choice<ClientAuth>, 5> kClientAuths = {{
    {"NoClientCert", ClientAuth::kNone},
    {"RequestClientCert", ClientAuth::kRequest},
    {"RequireAnyClientCert", ClientAuth::kRequireAny},
    {"VerifyClientCertIfGiven", ClientAuth::kVerifyIfGiven},
    {"RequireAndVerifyClientCert", ClientAuth::kRequireAndVerify},
}};
constexpr std::array<Choice<TlsVersion>, 2> kVersions = {{
    {"TLS12", TlsVersion::k12},
    {"TLS13", TlsVersion::k13},
}};

absl::Status WebConfigReader::ReadTls(const YAML::Node& node, WebConfig& config) const {
  // As the toolkit: that is no TLS.
  if (node.IsNull() || (node.IsMap() && node.size() == 0)) return absl::OkStatus();
  TlsConfig tls;
  absl::Status status =
      ReadMap(node, "tls_server_config",
              {{"cert_file", Path("cert_file", tls.cert_file)},
               {"cert", Text("cert", tls.cert)},
               {"key_file", Path("key_file", tls.key_file)},
               {"key", Text("key", tls.key)},
               {"client_ca_file", Path("client_ca_file", tls.client_ca_file)},
               {"client_ca", Text("client_ca", tls.client_ca)},
               {"client_auth_type", OneOf("client_auth_type", kClientAuths, tls.client_auth)},
               {"client_allowed_sans", List("client_allowed_sans", tls.client_allowed_sans)},
               {"min_version", OneOf("min_version", kVersions, tls.min_version)},
               {"max_version", OneOf("max_version", kVersions, tls.max_version)},
               {"cipher_suites", List("cipher_suites", tls.cipher_suites)},
               {"prefer_server_cipher_suites",
                Flag("prefer_server_cipher_suites", tls.prefer_server_cipher_suites)},
               {"curve_preferences", [&](const YAML::Node& value) {
                  if (value.size() == 0 && !value.IsScalar()) return absl::OkStatus();
                  return Unsupported(value, "curve_preferences", "OpenSSL's are used");
                }}});
  if (status.ok()) status = CheckTls(node, tls);
  if (status.ok()) config.tls = std::move(tls);
  return status;
}

absl::Status WebConfigReader::CheckTls(const YAML::Node& node, const TlsConfig& tls) const {
  const struct {
    const char* name;
    const std::string& inline_text;
    const std::string& file;
    bool needed;
  } parts[] = {{"cert", tls.cert, tls.cert_file, true},
               {"key", tls.key, tls.key_file, true},
               {"client_ca", tls.client_ca, tls.client_ca_file, false}};
  for (const auto& [name, inline_text, file, needed] : parts) {
    if (!inline_text.empty() && !file.empty()) {
      return Error(node, absl::StrCat(name, " and ", name, "_file are both given"));
    }
    if (needed && inline_text.empty() && file.empty()) {
      return Error(node, absl::StrCat(name, "_file (or ", name, ") is missing"));
    }
  }
  const bool has_ca = !tls.client_ca.empty() || !tls.client_ca_file.empty();
  const bool verifies = tls.client_auth == ClientAuth::kVerifyIfGiven ||
                        tls.client_auth == ClientAuth::kRequireAndVerify;
  if (verifies && !has_ca) {
    return Error(node, "client_auth_type verifies clients, but there is no client_ca_file");
  }
  if (has_ca && tls.client_auth == ClientAuth::kNone) {
    return Error(node, "client_ca_file is given, but client_auth_type asks for no certificate");
  }
  if (!tls.client_allowed_sans.empty() && !verifies) {
    return Error(node,
                 "client_allowed_sans needs client_auth_type VerifyClientCertIfGiven or "
                 "RequireAndVerifyClientCert");
  }
  if (tls.min_version > tls.max_version) {
    return Error(node, "min_version is above max_version");
  }
  return absl::OkStatus();
}

absl::Status WebConfigReader::ReadHttp(const YAML::Node& node, WebConfig& config) const {
  bool http2 = false;
  return ReadMap(
      node, "http_server_config",
      {{"http2",
        [&](const YAML::Node& value) {
          absl::Status status = Flag("http2", http2)(value);
          if (!status.ok() || !http2) return status;
          return Unsupported(value, "http2: true", "HTTP/1.1 is spoken here");
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
    if (value.empty() || !printable) {
      return Error(entry.second, absl::StrCat(name, " must be printable text"));
    }
    const std::string_view allowed = known->second;
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

}  // namespace

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
