// SPDX-License-Identifier: Apache-2.0
#include "collectors/process/program_rules.h"

#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "collectors/base/label_text.h"

namespace cnproc {
namespace {

constexpr int64_t kMaxExpressionBytes = 1 << 20;  // of memory, once compiled

RE2::Options ExpressionOptions() {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  options.set_max_mem(kMaxExpressionBytes);
  return options;
}

re2::StringPiece ToPiece(std::string_view text) { return {text.data(), text.size()}; }

bool Matches(const RE2& regexp, std::string_view text, re2::StringPiece* groups, int count) {
  return regexp.Match(ToPiece(text), 0, text.size(), RE2::ANCHOR_BOTH, groups, count);
}

// The inputs of one process: each read once, when first asked for.
class Inputs {
 public:
  Inputs(std::string_view comm, RuleInputReader& reader) : reader_(reader) {
    Set(RuleInput::kComm, std::string(comm));
  }

  const std::optional<std::string>& Get(RuleInput input) {
    const auto index = static_cast<size_t>(input);
    if (!known_[index]) Set(input, reader_.Read(input));
    return texts_[index];
  }

 private:
  void Set(RuleInput input, std::optional<std::string> text) {
    const auto index = static_cast<size_t>(input);
    known_[index] = true;
    // RE2 finds no character at all in bytes that are not UTF-8.
    if (text && !IsLabelText(*text)) text = ToUtf8(*text);
    texts_[index] = std::move(text);
  }

  RuleInputReader& reader_;
  std::array<bool, kRuleInputCount> known_{};
  std::array<std::optional<std::string>, kRuleInputCount> texts_;
};

}  // namespace

ProgramRule::ProgramRule() = default;
ProgramRule::~ProgramRule() = default;
ProgramRule::ProgramRule(ProgramRule&&) noexcept = default;
ProgramRule& ProgramRule::operator=(ProgramRule&&) noexcept = default;

absl::Status ProgramRule::AddExpression(RuleInput input, std::string_view expression) {
  auto regexp = std::make_unique<RE2>(ToPiece(expression), ExpressionOptions());
  if (!regexp->ok()) {
    return absl::InvalidArgumentError(absl::StrCat("bad expression: ", regexp->error()));
  }
  const int groups = regexp->NumberOfCapturingGroups();
  expressions_.push_back({input, std::move(regexp), groups_ + 1});
  groups_ += groups;
  // The cheapest input decides first; kComm costs nothing.
  std::stable_sort(expressions_.begin(), expressions_.end(),
                   [](const Expression& a, const Expression& b) { return a.input < b.input; });
  return absl::OkStatus();
}

std::optional<int> ProgramRule::FindGroup(std::string_view reference) const {
  int number = 0;
  const char* end = reference.data() + reference.size();
  if (const auto parsed = std::from_chars(reference.data(), end, number);
      parsed.ec == std::errc() && parsed.ptr == end) {
    return number >= 1 && number <= groups_ ? std::make_optional(number) : std::nullopt;
  }
  for (const Expression& expression : expressions_) {
    const std::map<std::string, int>& names = expression.regexp->NamedCapturingGroups();
    if (const auto found = names.find(std::string(reference)); found != names.end()) {
      return expression.first_group + found->second - 1;
    }
  }
  return std::nullopt;
}

void ProgramRule::AppendText(std::string_view text) {
  if (name_.empty() || name_.back().group != 0) name_.emplace_back();
  name_.back().text += text;
}

// What follows a dollar sign.
absl::Status ProgramRule::ParseReference(std::string_view& rest) {
  if (rest.starts_with("$")) {
    rest.remove_prefix(1);
    AppendText("$");
    return absl::OkStatus();
  }
  std::string_view reference;
  if (rest.starts_with("{")) {
    const size_t end = rest.find('}');
    if (end == std::string_view::npos) return absl::InvalidArgumentError("name: \"${\" has no end");
    reference = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
  } else {
    reference = rest.substr(0, std::min(rest.find_first_not_of("0123456789"), rest.size()));
    rest.remove_prefix(reference.size());
  }
  if (reference.empty()) {
    return absl::InvalidArgumentError(
        "name: \"$\" must be followed by a group ($1, ${name}); a dollar sign is \"$$\"");
  }
  const std::optional<int> group = FindGroup(reference);
  if (!group) {
    return absl::InvalidArgumentError(absl::StrCat("name: no group ", std::string(reference),
                                                   " in the expressions, which have ", groups_));
  }
  name_.push_back({.text = "", .group = *group});
  return absl::OkStatus();
}

absl::Status ProgramRule::SetName(std::string_view name_template) {
  if (name_template.empty()) return absl::InvalidArgumentError("name: must not be empty");
  name_.clear();
  std::string_view rest = name_template;
  while (!rest.empty()) {
    const size_t dollar = std::min(rest.find('$'), rest.size());
    if (dollar > 0) AppendText(rest.substr(0, dollar));
    if (dollar == rest.size()) break;
    rest.remove_prefix(dollar + 1);
    if (absl::Status status = ParseReference(rest); !status.ok()) return status;
  }
  return absl::OkStatus();
}

bool ProgramRule::Match(const TextOf& text_of) const {
  return std::all_of(expressions_.begin(), expressions_.end(), [&](const Expression& expression) {
    const std::optional<std::string>& text = text_of(expression.input);
    return text && Matches(*expression.regexp, *text, nullptr, 0);
  });
}

// Only a rule that matches pays for finding its groups.
std::string ProgramRule::Name(const TextOf& text_of) const {
  std::vector<re2::StringPiece> groups(static_cast<size_t>(groups_) + 1);
  for (const Expression& expression : expressions_) {
    const int count = expression.regexp->NumberOfCapturingGroups();
    if (count == 0) continue;
    std::vector<re2::StringPiece> found(static_cast<size_t>(count) + 1);
    Matches(*expression.regexp, *text_of(expression.input), found.data(), count + 1);
    std::copy(found.begin() + 1, found.end(), groups.begin() + expression.first_group);
  }
  std::string name;
  for (const Piece& piece : name_) {
    const re2::StringPiece& group = groups[static_cast<size_t>(piece.group)];
    name += piece.text;
    name.append(group.data(), group.size());
  }
  return name;
}

// Its texts stand in that order, and a group between them can hold anything.
bool ProgramRule::CanGive(std::string_view name) const {
  bool anything = false;  // may stand before the next text
  for (size_t i = 0; i < name_.size(); ++i) {
    if (name_[i].group != 0) {
      anything = true;
      continue;
    }
    const std::string_view text = name_[i].text;
    if (i + 1 == name_.size()) return anything ? name.ends_with(text) : name == text;
    const size_t found = anything ? name.find(text) : name.starts_with(text) ? 0 : name.npos;
    if (found == name.npos) return false;
    name.remove_prefix(found + text.size());
    anything = false;
  }
  return anything || name.empty();
}

ProgramRules::ProgramRules(std::vector<ProgramRule> rules) {
  for (const ProgramRule& rule : rules) {
    for (const ProgramRule::Expression& expression : rule.expressions_) {
      needs_[expression.input] = true;
    }
  }
  rules_ = std::make_shared<const std::vector<ProgramRule>>(std::move(rules));
}

bool ProgramRules::CanGive(std::string_view name) const {
  return !empty() && std::any_of(rules_->begin(), rules_->end(),
                                 [name](const ProgramRule& rule) { return rule.CanGive(name); });
}

std::optional<std::string> ProgramRules::Apply(std::string_view comm,
                                               RuleInputReader& reader) const {
  if (empty()) return std::nullopt;
  Inputs inputs(comm, reader);
  const auto text_of = [&inputs](RuleInput input) -> const std::optional<std::string>& {
    return inputs.Get(input);
  };
  for (const ProgramRule& rule : *rules_) {
    if (!rule.Match(text_of)) continue;
    std::string name = rule.Name(text_of);
    return name.empty() ? std::nullopt : std::make_optional(std::move(name));
  }
  return std::nullopt;
}

}  // namespace cnproc
