// SPDX-License-Identifier: Apache-2.0
#include "exporter/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

#include "tests/temp_folder.h"

namespace cnproc {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

class FixedReader final : public RuleInputReader {
 public:
  explicit FixedReader(std::string text) : text_(std::move(text)) {}
  std::optional<std::string> Read(RuleInput /*input*/) override { return text_; }

 private:
  const std::string text_;
};

TEST(ConfigTest, ReadsWhatTheContractShows) {
  const absl::StatusOr<Config> config = ParseConfig(R"(
program:
  rules:                    # first match wins
    - match: {comm: "python3?", cmdline: ".* -m ([a-z_.]+).*"}
      name: "python:$1"
    - match:
        exe: /opt/([^/]+)/.*
        cgroup: /system\.slice/.*
      name: $1
  expected: [sshd, nginx]
unit:      {expected: [nginx.service], limit: 120}
container: {limit: 200}
user:      {limit: 50, expected: [0, 1000]}
lineage:   {limit: 7}
)",
                                                    "c.yml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->program.expected, ElementsAre("sshd", "nginx"));
  EXPECT_EQ(config->program.limit, std::nullopt);
  EXPECT_THAT(config->unit.expected, ElementsAre("nginx.service"));
  EXPECT_EQ(config->unit.limit, 120U);
  EXPECT_EQ(config->container.limit, 200U);
  EXPECT_EQ(config->user.limit, 50U);
  EXPECT_THAT(config->user.expected, ElementsAre("0", "1000"));
  EXPECT_EQ(config->lineage.limit, 7U);
  FixedReader cmdline("/usr/bin/python3 -m http.server");
  EXPECT_EQ(config->program_rules.Apply("python3", cmdline), "python:http.server");
  EXPECT_TRUE(config->program_rules.Needs(RuleInput::kCgroup));
}

TEST(ConfigTest, AnEmptyFileChangesNothing) {
  for (const char* text : {"", "# nothing\n", "---\n", "{}\n", "program:\n  # rules: []\n"}) {
    const absl::StatusOr<Config> config = ParseConfig(text, "c.yml");
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_TRUE(config->program_rules.empty());
    EXPECT_THAT(config->program.expected, IsEmpty());
    EXPECT_EQ(config->program.limit, std::nullopt);
  }
}

TEST(ConfigTest, CountsGroupsInTheOrderOfTheFile) {
  const absl::StatusOr<Config> config = ParseConfig(
      "program: {rules: [{match: {cmdline: '(.).*', comm: '(.).*'}, name: '$1$2'}]}", "c.yml");
  ASSERT_TRUE(config.ok()) << config.status();
  FixedReader cmdline("abc");
  EXPECT_EQ(config->program_rules.Apply("xyz", cmdline), "ax");
}

struct BadFile {
  std::string_view text;
  std::string_view error;  // how it begins
};

constexpr BadFile kBadFiles[] = {
    // Unknown and repeated keys.
    {"programs: {}\n", "c.yml:1:1: unknown key \"programs\" in the file; known: program, unit,"},
    {"unit: {}\nprogram:\n  rule: []\n",
     "c.yml:3:3: unknown key \"rule\" in program; known: rules"},
    {"program:\n  rules:\n    - match: {comm: a, argv: b}\n      name: x\n",
     "c.yml:3:24: unknown key \"argv\" in match; known: comm, exe, cmdline, cgroup"},
    {"program:\n  rules:\n    - match: {comm: a}\n      nam: x\n",
     "c.yml:4:7: unknown key \"nam\" in a rule"},
    {"container: {expected: [x]}\n", "c.yml:1:13: unknown key \"expected\" in container"},
    {"lineage: {expected: [x]}\n", "c.yml:1:11: unknown key \"expected\" in lineage"},
    {"unit: {}\nunit: {}\n", "c.yml:2:1: \"unit\" is there twice"},
    {"[a]: b\n", "c.yml:1:1: unknown key \"\""},
    // Wrong types.
    {"- program\n", "c.yml:1:1: the file must be a map"},
    {"just text\n", "c.yml:1:1: the file must be a map"},
    {"program: []\n", "c.yml:1:10: program must be a map"},
    {"program: {rules: {}}\n", "c.yml:1:18: rules must be a list"},
    {"program: {rules: [x]}\n", "c.yml:1:19: a rule must be a map"},
    {"program: {rules: [{match: x, name: y}]}\n", "c.yml:1:27: match must be a map"},
    {"program: {rules: [{match: {comm: [x]}, name: y}]}\n",
     "c.yml:1:34: an expression must be text"},
    {"program: {rules: [{match: {comm: x}, name: [y]}]}\n", "c.yml:1:44: name must be text"},
    {"program: {rules: [{match: {}, name: y}]}\n", "c.yml:1:27: match must not be empty"},
    {"program: {rules: [{name: y}]}\n", "c.yml:1:19: a rule needs \"match\""},
    {"program: {rules: [{match: {comm: x}}]}\n", "c.yml:1:19: a rule needs \"name\""},
    {"program: {expected: sshd}\n", "c.yml:1:21: expected must be a list"},
    {"program: {expected: [[sshd]]}\n", "c.yml:1:22: an expected name must be text"},
    {"program: {expected: [~]}\n", "c.yml:1:22: an expected name must be text"},
    {"program: {expected: ['']}\n", "c.yml:1:22: an expected name must be text"},
    {"program: {expected: [\"a\\nb\"]}\n", "c.yml:1:22: an expected name must be text"},
    {"program: {expected: [a, b, a]}\n", "c.yml:1:28: \"a\" is there twice"},
    {"user: {expected: [root]}\n", "c.yml:1:19: \"root\" is no numeric user id"},
    {"unit: {limit: 0}\n", "c.yml:1:15: limit must be a number from 1 to 100000"},
    {"unit: {limit: -1}\n", "c.yml:1:15: limit must be a number"},
    {"unit: {limit: 1.5}\n", "c.yml:1:15: limit must be a number"},
    {"unit: {limit: many}\n", "c.yml:1:15: limit must be a number"},
    {"unit: {limit: \"10\"}\n", "c.yml:1:15: limit must be a number"},
    {"unit: {limit: 99999999999999999999}\n", "c.yml:1:15: limit must be a number"},
    {"unit: {limit: [1]}\n", "c.yml:1:15: limit must be a number"},
    {"unit: {limit:}\n", "c.yml:1:1"},
    // Bad expressions and names.
    {"program:\n  rules:\n    - match:\n        comm: 'a('\n      name: x\n",
     "c.yml:4:15: bad expression: missing ): a("},
    {"program:\n  rules:\n    - match: {cmdline: '(?<=a)b'}\n      name: x\n",
     "c.yml:3:24: bad expression: invalid"},
    {"program:\n  rules:\n    - match: {comm: '(a)'}\n      name: 'x$2'\n",
     "c.yml:4:13: name: no group 2"},
    // What is no YAML.
    {"program: {rules: [}\n", "c.yml:1:19: "},
    {"a: b\n  c: d\n", "c.yml:2:4: "},
    {"unit: {limit: 3\n", "c.yml:2:1: "},
    {"a: *nowhere\n", "c.yml:1:4: "},
    {"{}\n---\n{}\n", "c.yml:2:1: only one YAML document"},
    {",", "c.yml:1:1: "},
    {",}", "c.yml:1:1: "},
    {", {program: {limit: 4}}\n", "c.yml:1:1: "},
    {"---\n,\n", "c.yml:2:1: "},
};

TEST(ConfigTest, RefusesABadFileAndSaysWhere) {
  for (const BadFile& test : kBadFiles) {
    SCOPED_TRACE(test.text);
    const absl::StatusOr<Config> config = ParseConfig(std::string(test.text), "c.yml");
    EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(config.status().message()), StartsWith(std::string(test.error)));
  }
}

TEST(ConfigTest, SurvivesDeepNesting) {
  for (const char* bracket : {"[", "{a: "}) {
    std::string text;
    for (int i = 0; i < 100'000; ++i) text += bracket;
    EXPECT_FALSE(ParseConfig(text, "c.yml").ok());
  }
}

TEST(ConfigTest, ReadsAFile) {
  const TempFolder folder;
  const std::string file = folder.Path("config.yml");
  std::ofstream(file) << "unit: {limit: 3}\n";
  const absl::StatusOr<Config> config = ReadConfig(file);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->unit.limit, 3U);
  std::ofstream(file) << std::string(2 << 20, '#');
  EXPECT_EQ(ReadConfig(file).status().code(), absl::StatusCode::kInvalidArgument);
  std::filesystem::remove(file);
  const absl::Status gone = ReadConfig(file).status();
  EXPECT_EQ(gone.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(gone.message()),
              testing::HasSubstr("--config.file: " + file + ": cannot be read: No such file"));
  EXPECT_FALSE(ReadConfig(testing::TempDir()).ok());
}

TEST(ConfigTest, ReadsAPipeButDoesNotWaitForEver) {
  const TempFolder folder;
  const std::string pipe = folder.Path("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  // Given a writer that takes its time, as a program that decrypts does
  std::thread writer([&] {
    std::ofstream out(pipe);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    out << "unit: {limit: 3}\n";
  });
  const absl::StatusOr<Config> config = ReadConfig(pipe);
  writer.join();
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->unit.limit, 3U);
  // Nobody ever writes; somebody who does not come to an end; a writer that fails
  EXPECT_THAT(std::string(ReadConfig(pipe).status().message()), testing::HasSubstr("within 2 s"));
  (void)std::signal(SIGPIPE, SIG_IGN);
  std::atomic<bool> given_up{false};
  std::thread slow([&] {
    std::ofstream out(pipe);
    while (!given_up) {
      out << '#' << std::flush;
      std::this_thread::sleep_for(std::chrono::milliseconds(70));
    }
  });
  EXPECT_THAT(std::string(ReadConfig(pipe).status().message()), testing::HasSubstr("within 2 s"));
  given_up = true;
  slow.join();
  std::thread failing([&] { std::ofstream out(pipe); });
  EXPECT_THAT(std::string(ReadConfig(pipe).status().message()),
              testing::HasSubstr("without a byte"));
  failing.join();
}

}  // namespace
}  // namespace cnproc
