// SPDX-License-Identifier: Apache-2.0
#include "exporter/yaml_reader.h"

#include <yaml-cpp/eventhandler.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "collectors/base/label_text.h"

namespace cnproc {
namespace {

// Notes where documents begin, and nothing else.
class DocumentStarts : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { last = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

  YAML::Mark last;
};

// Where the second document begins, if there is one. To be asked before YAML::Load; YAML::LoadAll
// would tell too, but yaml-cpp 0.7 finds documents without end behind a stray "}" or ",".
std::optional<YAML::Mark> FindSecondDocument(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  DocumentStarts starts;
  if (!parser.HandleNextDocument(starts) || !parser.HandleNextDocument(starts)) {
    return std::nullopt;
  }
  return starts.last;
}

}  // namespace

absl::Status YamlReader::ReadDocument(const std::string& text, const Read& read) const {
  try {
    if (const std::optional<YAML::Mark> second = FindSecondDocument(text)) {
      return Error(*second, "only one YAML document is allowed, or a bracket is closed too often");
    }
    return read(YAML::Load(text));
  } catch (const YAML::Exception& error) {
    return Error(error.mark, error.msg);
  }
}

absl::Status YamlReader::ReadMap(const YAML::Node& node, std::string_view what,
                                 std::initializer_list<Key> keys) const {
  if (node.IsNull()) return absl::OkStatus();  // all of it commented out
  if (!node.IsMap()) return Error(node, absl::StrCat(std::string(what), " must be a map"));
  std::vector<std::string> seen;
  for (const auto& entry : node) {
    const std::string name = entry.first.IsScalar() ? entry.first.Scalar() : "";
    const auto* const key = std::find_if(
        keys.begin(), keys.end(), [&](const Key& candidate) { return candidate.name == name; });
    if (key == keys.end()) {
      const std::string known =
          absl::StrJoin(keys, ", ", [](std::string* out, const Key& k) { out->append(k.name); });
      return Error(entry.first, absl::StrCat("unknown key \"", ToLabelText(name), "\" in ",
                                             std::string(what), "; known: ", known));
    }
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
      return Error(entry.first, absl::StrCat("\"", name, "\" is there twice"));
    }
    seen.push_back(name);
    if (absl::Status status = key->read(entry.second); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status YamlReader::Error(const YAML::Mark& mark, std::string_view message) const {
  return absl::InvalidArgumentError(
      absl::StrCat(file_, ":", mark.line + 1, ":", mark.column + 1, ": ", std::string(message)));
}

}  // namespace cnproc
