// SPDX-License-Identifier: Apache-2.0
// Names for programs that comm does not tell apart, by rules of the operator's.
#ifndef CNPROC_COLLECTORS_PROCESS_PROGRAM_RULES_H_
#define CNPROC_COLLECTORS_PROCESS_PROGRAM_RULES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "collectors/base/enum_array.h"

namespace re2 {
class RE2;
}  // namespace re2

namespace cnproc {

// What a rule may ask of a process. kCmdline: the arguments with a space between them. kCgroup: one
// path, see MainCgroupPath.
enum class RuleInput : uint8_t { kComm, kExe, kCmdline, kCgroup };
inline constexpr size_t kRuleInputCount = 4;

// Reads inputs but kComm, when a rule asks for them and not before: each costs system calls.
class RuleInputReader {
 public:
  virtual ~RuleInputReader() = default;
  // At most once for each input of a process. Absent: cannot be read, and matches nothing.
  virtual std::optional<std::string> Read(RuleInput input) = 0;
};

// Expressions of RE2's syntax, so that matching takes linear time whatever a process calls itself.
// Each must match the whole of its input; "." matches any character.
class ProgramRule {
 public:
  ProgramRule();
  ~ProgramRule();
  ProgramRule(ProgramRule&&) noexcept;
  ProgramRule& operator=(ProgramRule&&) noexcept;

  // An error says what is wrong with the expression.
  absl::Status AddExpression(RuleInput input, std::string_view expression);
  // After the expressions. $1 is the first group of all expressions in the order in which they
  // were added; ${1} and ${name} are allowed, $$ is a dollar sign.
  absl::Status SetName(std::string_view name_template);

 private:
  friend class ProgramRules;

  struct Expression {
    RuleInput input;
    std::unique_ptr<const re2::RE2> regexp;
    int first_group;  // the number of its first group, counted over the whole rule
  };
  // A piece of the name: a group of one expression, or text.
  struct Piece {
    std::string text;
    int group = 0;  // counted over the whole rule, 0 = text
  };

  using TextOf = absl::FunctionRef<const std::optional<std::string>&(RuleInput)>;
  bool Match(const TextOf& text_of) const;
  std::string Name(const TextOf& text_of) const;
  bool CanGive(std::string_view name) const;
  std::optional<int> FindGroup(std::string_view reference) const;
  absl::Status ParseReference(std::string_view& rest);
  void AppendText(std::string_view text);

  std::vector<Expression> expressions_;
  std::vector<Piece> name_;
  int groups_ = 0;
};

// A value, cheap to copy, and thread safe as it never changes.
class ProgramRules {
 public:
  ProgramRules() = default;
  explicit ProgramRules(std::vector<ProgramRule> rules);

  bool empty() const { return rules_ == nullptr || rules_->empty(); }
  // Whether any rule asks for it.
  bool Needs(RuleInput input) const { return needs_[input]; }

  // Whether a rule could give this name to some process: false only where none can.
  bool CanGive(std::string_view name) const;

  // The name by the first rule all of whose expressions match. Absent: no rule does, or its name
  // turned out empty. May hold control characters, but is valid UTF-8.
  std::optional<std::string> Apply(std::string_view comm, RuleInputReader& reader) const;

 private:
  std::shared_ptr<const std::vector<ProgramRule>> rules_;
  EnumArray<RuleInput, bool, kRuleInputCount> needs_{};
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PROCESS_PROGRAM_RULES_H_
