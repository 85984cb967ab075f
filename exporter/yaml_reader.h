// SPDX-License-Identifier: Apache-2.0
// What the readers of configuration files have in common: every error knows where it is.
#ifndef CNPROC_EXPORTER_YAML_READER_H_
#define CNPROC_EXPORTER_YAML_READER_H_

#include <yaml-cpp/yaml.h>

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace cnproc {

// A base class. Errors are InvalidArgument and read "FILE:LINE:COLUMN: what is wrong".
class YamlReader {
 protected:
  using Read = std::function<absl::Status(const YAML::Node&)>;
  struct Key {
    const char* name;
    Read read;
  };

  explicit YamlReader(std::string_view file) : file_(file) {}
  ~YamlReader() = default;

  // Hands the one document of the text to `read`. What yaml-cpp throws becomes an error.
  absl::Status ReadDocument(const std::string& text, const Read& read) const;

  // `what` names the map in errors. Keys may be left out; none may be there twice, none unknown.
  absl::Status ReadMap(const YAML::Node& node, std::string_view what,
                       std::initializer_list<Key> keys) const;

  absl::Status Error(const YAML::Mark& mark, std::string_view message) const;
  absl::Status Error(const YAML::Node& node, std::string_view message) const {
    return Error(node.Mark(), message);
  }

 private:
  const std::string file_;
};

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_YAML_READER_H_
