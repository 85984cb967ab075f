// SPDX-License-Identifier: Apache-2.0
// The two files of the reader of --web.config.file, and nobody else, include this.
#ifndef CNPROC_EXPORTER_WEB_WEB_CONFIG_READER_H_
#define CNPROC_EXPORTER_WEB_WEB_CONFIG_READER_H_

#include <yaml-cpp/yaml.h>

#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "exporter/web/web_config.h"
#include "exporter/yaml_reader.h"

namespace cnproc {

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
  absl::Status ReadFile(const YAML::Node& document, WebConfig& config) const;
  absl::Status ReadRateLimit(const YAML::Node& node, WebConfig& config) const;

  // A scalar that may be empty. `name` names it in errors.
  Read Text(const char* name, std::string& text) const;
  Read Path(const char* name, std::string& path) const;
  Read Flag(const char* name, bool& flag) const;
  Read List(const char* name, std::vector<std::string>& texts) const;
  template <typename T, size_t kCount>
  Read OneOf(const char* name, const std::array<Choice<T>, kCount>& choices, T& chosen) const;

  absl::Status ReadTls(const YAML::Node& node, WebConfig& config) const;
  absl::Status CheckTls(const YAML::Node& node, const TlsConfig& tls) const;
  absl::Status CheckSans(const YAML::Node& node, const TlsConfig& tls) const;
  absl::Status CheckHttp2(const YAML::Node& node, const WebConfig& config, bool http2) const;
  absl::Status ReadHttp(const YAML::Node& node, WebConfig& config, bool& http2) const;
  absl::Status ReadHeaders(const YAML::Node& node, WebConfig& config) const;
  absl::Status ReadUsers(const YAML::Node& node, WebConfig& config) const;

  const std::filesystem::path folder_;
};

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

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_WEB_WEB_CONFIG_READER_H_
