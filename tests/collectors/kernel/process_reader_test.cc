// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/process_reader.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/temp_folder.h"

namespace cnproc {
namespace {

namespace fs = std::filesystem;
using std::string_literals::operator""s;

class ProcessReaderTest : public testing::Test {
 protected:
  void Write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  ProcessReader Open(ProcessReaderOptions options = {
                         .comm = true, .cgroup = true, .kubelet_runtime = "containerd"}) {
    absl::StatusOr<ProcessReader> reader = ProcessReader::Open(root_.string(), std::move(options));
    EXPECT_TRUE(reader.ok()) << reader.status();
    return *std::move(reader);
  }
  static ProgramRules Rule(const std::vector<std::pair<RuleInput, std::string>>& match,
                           const std::string& name) {
    std::vector<ProgramRule> rules(1);
    for (const auto& [input, expression] : match) {
      EXPECT_TRUE(rules[0].AddExpression(input, expression).ok());
    }
    EXPECT_TRUE(rules[0].SetName(name).ok());
    return ProgramRules(std::move(rules));
  }

  const TempFolder folder_;
  const fs::path root_ = folder_.path();
};

TEST_F(ProcessReaderTest, ReadsCommAndCgroup) {
  Write("42/comm", "a b\n\n");
  Write("42/cgroup", "0::/system.slice/a.service/sub\n");
  const ProcessFacts facts = Open().Read(42, {});
  EXPECT_EQ(facts.comm, "a b\n");  // any bytes: only the last new line is the kernel's
  EXPECT_EQ(facts.rule_name, "");
  EXPECT_EQ(facts.source, NameSource::kExec);
  ASSERT_NE(facts.cgroup, nullptr);
  EXPECT_EQ(facts.cgroup->identity.unit, "a.service");
  EXPECT_TRUE(facts.cgroup->pids_unified);
  EXPECT_EQ(facts.cgroup->pids_path, "/system.slice/a.service/sub");
}

// On v1 a process that ends seems to be in the root, wherever it is.
TEST_F(ProcessReaderTest, DoesNotBelieveTheRootOfAProcessThatEnds) {
  Write("42/comm", "a\n");
  Write("42/cgroup", "2:pids:/\n1:name=systemd:/\n0::/\n");
  Write("42/stat", "42 (a) S) R 1 42 42 0 -1 4194308 90 0 0 0");
  EXPECT_EQ(Open().Read(42, {}).cgroup, nullptr);
  Write("42/stat", "42 (a) S) R 1 42 42 0 -1 4194304 90 0 0 0");
  EXPECT_NE(Open().Read(42, {}).cgroup, nullptr);
  fs::remove(root_ / "42/stat");
  EXPECT_EQ(Open().Read(42, {}).cgroup, nullptr);
}

TEST_F(ProcessReaderTest, SharesWhatIsKnownOfACgroup) {
  Write("1/comm", "a\n");
  Write("1/cgroup", "0::/system.slice/a.service\n");
  Write("2/comm", "b\n");
  Write("2/cgroup", "0::/system.slice/a.service\n");
  ProcessReader reader = Open();
  EXPECT_EQ(reader.Read(1, {}).cgroup, reader.Read(2, {}).cgroup);
}

TEST_F(ProcessReaderTest, LeavesEmptyWhatIsGone) {
  const ProcessFacts gone = Open().Read(42, {});
  EXPECT_EQ(gone.comm, "");
  EXPECT_EQ(gone.cgroup, nullptr);
  Write("43/comm", "x\n");
  EXPECT_EQ(Open().Read(43, {}).cgroup, nullptr);
}

TEST_F(ProcessReaderTest, ReadsOnlyWhatIsAskedFor) {
  Write("42/comm", "a\n");
  Write("42/cgroup", "0::/system.slice/a.service\n");
  EXPECT_EQ(Open({.comm = true, .cgroup = false, .kubelet_runtime = ""}).Read(42, {}).cgroup,
            nullptr);
  EXPECT_EQ(Open({.comm = false, .cgroup = true, .kubelet_runtime = ""}).Read(42, {}).comm, "");
}

TEST_F(ProcessReaderTest, NamesByEveryInputOfARule) {
  Write("42/comm", "python3\n");
  Write("42/cmdline", "python3\0-m\0http.server\0"s);
  Write("42/cgroup", "1:name=systemd:/x\n0::/kubepods/a\n");
  fs::create_symlink("/usr/bin/python3.11", root_ / "42/exe");
  ProcessReader reader = Open();
  EXPECT_EQ(reader.Read(42, Rule({{RuleInput::kCmdline, "(.*)"}}, "$1")).rule_name,
            "python3 -m http.server");
  EXPECT_EQ(reader.Read(42, Rule({{RuleInput::kExe, "(.*)"}}, "$1")).rule_name,
            "/usr/bin/python3.11");
  EXPECT_EQ(reader.Read(42, Rule({{RuleInput::kCgroup, "(.*)"}}, "$1")).rule_name, "/kubepods/a");
  ProcessReader without = Open({.comm = true, .cgroup = false, .kubelet_runtime = ""});
  EXPECT_EQ(without.Read(42, Rule({{RuleInput::kCgroup, "(.*)"}}, "$1")).rule_name, "/kubepods/a");
  EXPECT_EQ(reader.Read(42, Rule({{RuleInput::kComm, "perl"}}, "x")).rule_name, "");
  // A zombie has no command line: that is no empty one.
  Write("42/cmdline", "");
  EXPECT_EQ(reader.Read(42, Rule({{RuleInput::kCmdline, ".*"}}, "x")).rule_name, "");
}

TEST_F(ProcessReaderTest, RulesSeeTheWholeCommandLineAndAReplacedFile) {
  // Given a class path longer than a page, and a program that was updated while it runs
  Write("42/comm", "java\n");
  Write("42/cmdline", "java\0-cp\0"s + std::string(50'000, 'x') + "\0org.example.Main\0"s);
  fs::create_symlink("/usr/bin/java (deleted)", root_ / "42/exe");
  ProcessReader reader = Open();
  EXPECT_EQ(reader.Read(42, Rule({{RuleInput::kCmdline, ".* ([a-zA-Z.]+)"}}, "$1")).rule_name,
            "org.example.Main");
  EXPECT_EQ(reader.Read(42, Rule({{RuleInput::kExe, "(/usr/bin/java)"}}, "$1")).rule_name,
            "/usr/bin/java");
}

TEST_F(ProcessReaderTest, CompletesWhatAScanRead) {
  Write("42/cmdline", "java\0-jar\0a.jar\0"s);
  const ProgramRules rules = Rule({{RuleInput::kCmdline, ".* -jar (\\w+).*"}}, "java:$1");
  ProcessSnapshot snapshot;
  snapshot.tgid = 42;
  snapshot.comm = "java";
  snapshot.cgroup = "0::/system.slice/a.service\n";
  const ProcessFacts facts = Open().Complete(snapshot, rules);
  EXPECT_EQ(facts.comm, "java");
  EXPECT_EQ(facts.rule_name, "java:a");
  EXPECT_EQ(facts.cgroup->identity.unit, "a.service");
  snapshot.kernel_thread = true;
  EXPECT_EQ(Open().Complete(snapshot, rules).cgroup, nullptr);
}

TEST(ProcessReaderErrorTest, SaysThatThereIsNoProc) {
  EXPECT_FALSE(ProcessReader::Open("/nonexistent", {}).ok());
}

}  // namespace
}  // namespace cnproc
