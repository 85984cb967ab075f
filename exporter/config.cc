// SPDX-License-Identifier: Apache-2.0
#include "exporter/config.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "collectors/base/label_text.h"
#include "exporter/small_file.h"
#include "exporter/yaml_reader.h"

namespace cnproc {
namespace {

class ConfigReader : private YamlReader {
 public:
  explicit ConfigReader(std::string_view file) : YamlReader(file) {}

  absl::StatusOr<Config> Read(const std::string& text) const {
    Config config;
    absl::Status status =
        ReadDocument(text, [&](const YAML::Node& document) { return ReadFile(document, config); });
    if (!status.ok()) return status;
    return config;
  }

 private:
  absl::Status ReadFile(const YAML::Node& document, Config& config) const {
    return ReadMap(
        document, "the file",
        {{"program", [&](const YAML::Node& node) { return ReadProgram(node, config); }},
         {"unit", [&](const YAML::Node& node) { return ReadDimension(node, "unit", config.unit); }},
         {"container",
          [&](const YAML::Node& node) {
            return ReadLimitOnly(node, "container", config.container);
          }},
         {"user", [&](const YAML::Node& node) { return ReadUser(node, config.user); }},
         {"lineage",
          [&](const YAML::Node& node) { return ReadLimitOnly(node, "lineage", config.lineage); }}});
  }

  absl::Status ReadProgram(const YAML::Node& node, Config& config) const {
    std::vector<ProgramRule> rules;
    absl::Status status = ReadMap(
        node, "program",
        {{"rules", [&](const YAML::Node& value) { return ReadRules(value, rules); }},
         {"expected",
          [&](const YAML::Node& value) { return ReadNames(value, config.program.expected); }},
         {"limit", [&](const YAML::Node& value) { return ReadLimit(value, config.program); }}});
    if (status.ok()) config.program_rules = ProgramRules(std::move(rules));
    return status;
  }

  absl::Status ReadDimension(const YAML::Node& node, std::string_view what,
                             DimensionConfig& dimension) const {
    return ReadMap(
        node, what,
        {{"expected",
          [&](const YAML::Node& value) { return ReadNames(value, dimension.expected); }},
         {"limit", [&](const YAML::Node& value) { return ReadLimit(value, dimension); }}});
  }

  absl::Status ReadLimitOnly(const YAML::Node& node, std::string_view what,
                             DimensionConfig& dimension) const {
    return ReadMap(
        node, what,
        {{"limit", [&](const YAML::Node& value) { return ReadLimit(value, dimension); }}});
  }

  // Users are told by number: a name would mean another one in every container.
  absl::Status ReadUser(const YAML::Node& node, DimensionConfig& dimension) const {
    absl::Status status = ReadDimension(node, "user", dimension);
    if (!status.ok() || dimension.expected.empty()) return status;
    for (const YAML::Node& name : node["expected"]) {
      const std::string& text = name.Scalar();
      if (!std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) {
        return Error(name, absl::StrCat("\"", text, "\" is no numeric user id"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status ReadLimit(const YAML::Node& node, DimensionConfig& dimension) const {
    size_t limit = 0;
    // yaml-cpp tags a plain scalar "?", a quoted one "!".
    if (node.IsScalar() && node.Tag() == "?") {
      const std::string& text = node.Scalar();
      const char* end = text.data() + text.size();
      const auto parsed = std::from_chars(text.data(), end, limit);
      if (parsed.ec != std::errc() || parsed.ptr != end) limit = 0;
    }
    if (limit < 1 || limit > kMaxLabelLimit) {
      return Error(node, absl::StrCat("limit must be a number from 1 to ", kMaxLabelLimit));
    }
    dimension.limit = limit;
    return absl::OkStatus();
  }

  absl::Status ReadNames(const YAML::Node& node, std::vector<std::string>& names) const {
    if (!node.IsSequence()) return Error(node, "expected must be a list of names");
    for (const YAML::Node& name : node) {
      if (!name.IsScalar() || name.Scalar().empty() || !IsLabelText(name.Scalar())) {
        return Error(name, "an expected name must be text, not empty, without control characters");
      }
      if (std::find(names.begin(), names.end(), name.Scalar()) != names.end()) {
        return Error(name, absl::StrCat("\"", name.Scalar(), "\" is there twice"));
      }
      names.push_back(name.Scalar());
    }
    return absl::OkStatus();
  }

  absl::Status ReadRules(const YAML::Node& node, std::vector<ProgramRule>& rules) const {
    if (!node.IsSequence()) return Error(node, "rules must be a list");
    for (const YAML::Node& rule : node) {
      if (absl::Status status = ReadRule(rule, rules.emplace_back()); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status ReadRule(const YAML::Node& node, ProgramRule& rule) const {
    YAML::Node match(YAML::NodeType::Undefined);
    YAML::Node name(YAML::NodeType::Undefined);
    absl::Status status = ReadMap(node, "a rule",
                                  {{"match",
                                    [&](const YAML::Node& value) {
                                      match.reset(value);
                                      return absl::OkStatus();
                                    }},
                                   {"name", [&](const YAML::Node& value) {
                                      name.reset(value);
                                      return absl::OkStatus();
                                    }}});
    if (!status.ok()) return status;
    if (!match.IsDefined()) return Error(node, "a rule needs \"match\"");
    if (!name.IsDefined()) return Error(node, "a rule needs \"name\"");
    if (status = ReadMatch(match, rule); !status.ok()) return status;
    if (!name.IsScalar()) return Error(name, "name must be text");
    // Only now are the groups known that it may refer to.
    status = rule.SetName(name.Scalar());
    return status.ok() ? status : Error(name, std::string(status.message()));
  }

  absl::Status ReadMatch(const YAML::Node& node, ProgramRule& rule) const {
    const auto add = [&](RuleInput input) {
      return [this, &rule, input](const YAML::Node& value) {
        if (!value.IsScalar()) return Error(value, "an expression must be text");
        const absl::Status status = rule.AddExpression(input, value.Scalar());
        return status.ok() ? status : Error(value, std::string(status.message()));
      };
    };
    absl::Status status = ReadMap(node, "match",
                                  {{"comm", add(RuleInput::kComm)},
                                   {"exe", add(RuleInput::kExe)},
                                   {"cmdline", add(RuleInput::kCmdline)},
                                   {"cgroup", add(RuleInput::kCgroup)}});
    if (status.ok() && node.size() == 0) return Error(node, "match must not be empty");
    return status;
  }
};

}  // namespace

absl::StatusOr<Config> ParseConfig(const std::string& text, std::string_view file) {
  return ConfigReader(file).Read(text);
}

absl::StatusOr<Config> ReadConfig(const std::string& file) {
  absl::StatusOr<std::string> text = ReadSmallFile(file);
  if (!text.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--config.file: ", text.status().message()));
  }
  return ParseConfig(*text, file);
}

}  // namespace cnproc
