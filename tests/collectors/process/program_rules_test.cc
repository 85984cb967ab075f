// SPDX-License-Identifier: Apache-2.0
#include "collectors/process/program_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace cnproc {
namespace {

using testing::HasSubstr;

struct Process {
  std::string comm;
  std::optional<std::string> exe = std::nullopt;
  std::optional<std::string> cmdline = std::nullopt;
  std::optional<std::string> cgroup = std::nullopt;
};

class FakeReader final : public RuleInputReader {
 public:
  explicit FakeReader(Process process) : process_(std::move(process)) {}
  std::optional<std::string> Read(RuleInput input) override {
    reads.push_back(input);
    switch (input) {
      case RuleInput::kComm:
        break;
      case RuleInput::kExe:
        return process_.exe;
      case RuleInput::kCmdline:
        return process_.cmdline;
      case RuleInput::kCgroup:
        return process_.cgroup;
    }
    ADD_FAILURE() << "comm needs no reading";
    return std::nullopt;
  }
  std::vector<RuleInput> reads;

 private:
  const Process process_;
};

using Match = std::vector<std::pair<RuleInput, std::string>>;

absl::Status Build(ProgramRule& rule, const Match& match, const std::string& name) {
  for (const auto& [input, expression] : match) {
    if (absl::Status status = rule.AddExpression(input, expression); !status.ok()) return status;
  }
  return rule.SetName(name);
}

ProgramRules Rules(const std::vector<std::pair<Match, std::string>>& specs) {
  std::vector<ProgramRule> rules;
  for (const auto& [match, name] : specs) {
    EXPECT_TRUE(Build(rules.emplace_back(), match, name).ok());
  }
  return ProgramRules(std::move(rules));
}

std::optional<std::string> Name(const ProgramRules& rules, const Process& process) {
  FakeReader reader(process);
  return rules.Apply(process.comm, reader);
}

constexpr RuleInput kComm = RuleInput::kComm;
constexpr RuleInput kExe = RuleInput::kExe;
constexpr RuleInput kCmdline = RuleInput::kCmdline;
constexpr RuleInput kCgroup = RuleInput::kCgroup;

TEST(ProgramRulesTest, NamesByGroups) {
  const ProgramRules rules =
      Rules({{{{kComm, "python3?"}, {kCmdline, ".* -m ([a-z_.]+).*"}}, "python:$1"}});
  EXPECT_EQ(Name(rules, {.comm = "python3", .cmdline = "/usr/bin/python3 -m http.server 80"}),
            "python:http.server");
  EXPECT_EQ(Name(rules, {.comm = "python3", .cmdline = "python3 x.py"}), std::nullopt);
  EXPECT_EQ(Name(rules, {.comm = "perl", .cmdline = "x -m y"}), std::nullopt);
  // Anchored: neither a part of the name nor more than it.
  EXPECT_EQ(Name(rules, {.comm = "python3.11", .cmdline = "x -m y"}), std::nullopt);
}

TEST(ProgramRulesTest, TakesTheFirstRuleThatMatches) {
  const ProgramRules rules = Rules(
      {{{{kExe, "/opt/.*"}}, "opt"}, {{{kComm, "j.*"}}, "second"}, {{{kComm, "java"}}, "third"}});
  EXPECT_EQ(Name(rules, {.comm = "java", .exe = "/opt/x"}), "opt");
  EXPECT_EQ(Name(rules, {.comm = "java", .exe = "/usr/x"}), "second");
  EXPECT_EQ(Name(rules, {.comm = "bash", .exe = "/usr/x"}), std::nullopt);
}

TEST(ProgramRulesTest, MatchesNothingThatCannotBeRead) {
  const ProgramRules rules = Rules({{{{kCmdline, ".*"}}, "any"}});
  EXPECT_EQ(Name(rules, {.comm = "x", .cmdline = ""}), "any");
  EXPECT_EQ(Name(rules, {.comm = "x"}), std::nullopt);
}

TEST(ProgramRulesTest, CountsGroupsOverAllExpressionsAsWritten) {
  // Given expressions written in another order than they are tried in
  const ProgramRules rules = Rules(
      {{{{kCgroup, "/(a)/(?P<leaf>[^/]*)"}, {kComm, "(x)(y)?"}}, "$3-$2-$1-${4}0-${leaf}$$"}});
  EXPECT_EQ(Name(rules, {.comm = "xy", .cgroup = "/a/b"}), "x-b-a-y0-b$");
  EXPECT_EQ(Name(rules, {.comm = "x", .cgroup = "/a/"}), "x--a-0-$");
}

TEST(ProgramRulesTest, HasNoNameWhereAllGroupsAreEmpty) {
  EXPECT_EQ(Name(Rules({{{{kComm, "x(y)?"}}, "$1"}, {{{kComm, ".*"}}, "later"}}), {.comm = "x"}),
            std::nullopt);
}

TEST(ProgramRulesTest, ReadsOnlyWhatARuleAsksFor) {
  const ProgramRules rules = Rules({{{{kCmdline, "a"}, {kComm, "java"}}, "x"},
                                    {{{kCmdline, "b"}, {kExe, "c"}, {kComm, "j.*"}}, "y"}});
  EXPECT_TRUE(rules.Needs(kComm));
  EXPECT_TRUE(rules.Needs(kExe));
  EXPECT_TRUE(rules.Needs(kCmdline));
  EXPECT_FALSE(rules.Needs(kCgroup));
  FakeReader bash({.comm = "bash", .exe = "c", .cmdline = "b"});
  EXPECT_EQ(rules.Apply("bash", bash), std::nullopt);
  EXPECT_THAT(bash.reads, testing::IsEmpty());
  // Each input once, though two rules ask for it.
  FakeReader java({.comm = "java", .exe = "c", .cmdline = "b"});
  EXPECT_EQ(rules.Apply("java", java), "y");
  EXPECT_THAT(java.reads, testing::ElementsAre(kCmdline, kExe));
}

TEST(ProgramRulesTest, TakesAnyBytes) {
  const ProgramRules rules = Rules({{{{kCmdline, "run (.*)"}}, "$1"}});
  EXPECT_EQ(Name(rules, {.comm = "x", .cmdline = "run a\nb\xff\xc0"}), "a\nb\ufffd\ufffd");
  EXPECT_EQ(Name(Rules({{{{kComm, "\u00e9+"}}, "e"}}), {.comm = "\u00e9\u00e9"}), "e");
}

TEST(ProgramRulesTest, TakesLinearTime) {
  // Given an expression for which a backtracking engine takes longer than the universe lasts
  const ProgramRules rules = Rules({{{{kCmdline, "(a*)*(a*)*(a*)*b"}}, "x"}});
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(Name(rules, {.comm = "x", .cmdline = std::string(4096, 'a')}), std::nullopt);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST(ProgramRulesTest, IsAValue) {
  const ProgramRules empty;
  EXPECT_TRUE(empty.empty());
  EXPECT_FALSE(empty.Needs(kComm));
  EXPECT_EQ(Name(empty, {.comm = "x"}), std::nullopt);
  ProgramRules rules = Rules({{{{kComm, "x"}}, "old"}});
  const ProgramRules old = rules;
  rules = Rules({{{{kComm, "x"}}, "new"}});
  EXPECT_EQ(Name(old, {.comm = "x"}), "old");
  EXPECT_EQ(Name(rules, {.comm = "x"}), "new");
}

TEST(ProgramRulesTest, RefusesWhatCannotWork) {
  struct Case {
    std::string_view expression;
    std::string_view name;
    std::string_view message;
  };
  constexpr Case kCases[] = {
      {"a(", "x", "missing )"},
      {"*", "x", "no argument for repetition"},
      {"(?<=a)b", "x", "bad expression"},  // no lookbehind in RE2
      {"(a)\\1", "x", "bad expression"},   // and no back references
      {"((a{1000}){1000}){1000}", "x", "bad expression"},
      {"a", "", "must not be empty"},
      {"(a)", "$2", "no group 2"},
      {"(a)", "$0", "no group 0"},
      {"(a)", "${b}", "no group b"},
      {"(a)", "$", "must be followed"},
      {"(a)", "$a", "must be followed"},
      {"(a)", "${1", "has no end"},
      {"(a)", "${}", "must be followed"},
      {"(a)", "$99999999999", "no group"},
  };
  for (const Case& test : kCases) {
    SCOPED_TRACE(test.expression);
    SCOPED_TRACE(test.name);
    ProgramRule rule;
    const absl::Status status =
        Build(rule, {{kComm, std::string(test.expression)}}, std::string(test.name));
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(test.message)));
  }
}

TEST(ProgramRulesTest, KnowsWhichNamesItCanGive) {
  const auto can_give = [](std::string_view name_template, std::string_view name) {
    std::vector<ProgramRule> rules(1);
    EXPECT_TRUE(rules[0].AddExpression(RuleInput::kComm, "(.*)-(.*)").ok());
    EXPECT_TRUE(rules[0].SetName(name_template).ok());
    return ProgramRules(std::move(rules)).CanGive(name);
  };
  EXPECT_TRUE(can_give("a-web-server", "a-web-server"));
  EXPECT_FALSE(can_give("a-web-server", "a-web-server2"));
  EXPECT_FALSE(can_give("a-web-server2", "a-web-server"));
  EXPECT_TRUE(can_give("python:$1", "python:http.server"));
  EXPECT_TRUE(can_give("python:$1", "python:"));
  EXPECT_FALSE(can_give("python:$1", "ruby:http.server"));
  EXPECT_TRUE(can_give("$1/$2", "a/b/c"));
  EXPECT_FALSE(can_give("$1/$2", "abc"));
  EXPECT_TRUE(can_give("x$1y", "xyy"));
  EXPECT_FALSE(can_give("x$1yy", "xy"));
  EXPECT_TRUE(can_give("$1", "anything"));
  EXPECT_FALSE(ProgramRules().CanGive("anything"));
}

}  // namespace
}  // namespace cnproc
