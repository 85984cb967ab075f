// SPDX-License-Identifier: Apache-2.0
#include "collectors/who/process_namer.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cnproc {
namespace {

using std::string_literals::operator""s;
using Since = ProcessNamer::Since;

class FakeBytes final : public ProcessBytes {
 public:
  FakeBytes& With(RuleInput input, const std::string& text) {
    texts_[static_cast<size_t>(input)] = text;
    return *this;
  }
  std::vector<RuleInput> reads;

 private:
  std::optional<std::string> Read(RuleInput input) override {
    reads.push_back(input);
    return texts_[static_cast<size_t>(input)];
  }

  std::array<std::optional<std::string>, kRuleInputCount> texts_;
};

FakeBytes Bytes(const std::string& comm, const std::string& exe, const std::string& cmdline) {
  FakeBytes bytes;
  bytes.With(RuleInput::kComm, comm).With(RuleInput::kExe, exe).With(RuleInput::kCmdline, cmdline);
  return bytes;
}

std::string Found(const std::string& comm, const std::string& exe, const std::string& cmdline) {
  FakeBytes bytes = Bytes(comm, exe, cmdline);
  return ProgramOf(comm, bytes);
}

// ---- What a process executes, by what it looks like now ----

TEST(ProgramOfTest, WhoRenamedItselfIsItsFile) {
  EXPECT_EQ(Found("node-MainThread", "/usr/bin/node", "node\0server.js\0"s), "node");
  EXPECT_EQ(Found("runc:[0:PARENT]", "/usr/sbin/runc", "/usr/sbin/runc\0init\0"s), "runc");
  EXPECT_EQ(Found("newname", "/tmp/rename_self", "/tmp/rename_self\0"s), "rename_self");
  EXPECT_EQ(Found("worker: idle", "/usr/bin/uwsgi", "worker: idle\0"s), "uwsgi")
      << "and wrote a title over its arguments";
}

TEST(ProgramOfTest, WhoDidNotIsItsComm) {
  EXPECT_EQ(Found("bash", "/usr/bin/bash", "bash\0"s), "bash");
  EXPECT_EQ(Found("nginx", "/usr/sbin/nginx", "nginx: master process nginx\0"s), "nginx");
  EXPECT_EQ(Found("systemd-journal", "/usr/lib/systemd/systemd-journald",
                  "/lib/systemd/systemd-journald\0"s),
            "systemd-journal")
      << "15 bytes of it";
}

TEST(ProgramOfTest, ALinkIsTheNameItWasExecutedBy) {
  EXPECT_EQ(Found("sh", "/usr/bin/dash", "sh\0-c\0true\0"s), "sh");
  EXPECT_EQ(Found("python3", "/usr/bin/python3.11", "/usr/bin/python3\0x.py\0"s), "python3");
  EXPECT_EQ(Found("ls", "/bin/busybox", "ls\0-l\0"s), "ls");
  EXPECT_EQ(Found("sh", "/usr/bin/dash", "-sh\0"s), "sh") << "a login shell";
}

TEST(ProgramOfTest, AScriptIsItsOwnNameAndNotItsInterpreters) {
  EXPECT_EQ(Found("fail2ban-server", "/usr/bin/python3.11",
                  "/usr/bin/python3\0/usr/bin/fail2ban-server\0-xf\0"s),
            "fail2ban-server");
  EXPECT_EQ(Found("backup", "/usr/bin/dash", "/bin/sh\0-e\0/usr/local/bin/backup\0"s), "backup")
      << "whose first line has an option";
}

TEST(ProgramOfTest, AFileThatWasReplacedHasItsName) {
  EXPECT_EQ(Found("bash", "/usr/bin/bash (deleted)", "bash\0"s), "bash");
  EXPECT_EQ(Found("renamed", "/usr/bin/bash (deleted)", "bash\0"s), "bash");
}

TEST(ProgramOfTest, WithoutTheRightToReadExeTheCommIsAllThatIsKnown) {
  FakeBytes bytes;
  bytes.With(RuleInput::kCmdline, "node\0"s);
  EXPECT_EQ(ProgramOf("node-MainThread", bytes), "node-MainThread");
}

TEST(ProgramOfTest, AFileInMemoryHasNoNameToBeExecutedBy) {
  EXPECT_EQ(Found("runc:[2:INIT]", "/memfd:runc_cloned:/proc/self/exe (deleted)", "runc\0init\0"s),
            "runc:[2:INIT]");
}

TEST(ProgramOfTest, StrangeBytesDoNoHarm) {
  EXPECT_EQ(Found("x", "/", ""), "x");
  EXPECT_EQ(Found("x", "", "\0\0\0"s), "x");
  EXPECT_EQ(Found("x", "/a", "\0\0\0\0x\0"s), "a");
  EXPECT_EQ(Found("x", "/a/x", "-"), "x");
}

// ---- At an exec ----

ProgramRules Rule(const std::vector<std::pair<RuleInput, std::string>>& match,
                  const std::string& name) {
  std::vector<ProgramRule> rules(1);
  for (const auto& [input, expression] : match) {
    EXPECT_TRUE(rules[0].AddExpression(input, expression).ok());
  }
  EXPECT_TRUE(rules[0].SetName(name).ok());
  return ProgramRules(std::move(rules));
}

class ProcessNamerTest : public testing::Test {
 protected:
  ProcessFacts ByRecord(const std::string& comm, ProcessBytes* bytes) {
    ProcessFacts facts;
    namer_.NameByRecord(comm, bytes, facts);
    return facts;
  }
  ProcessFacts ByProc(Since since, ProcessBytes& bytes) {
    ProcessFacts facts;
    namer_.NameByProc(since, bytes, facts);
    return facts;
  }

  ProcessNamer namer_;
};

TEST_F(ProcessNamerTest, ARecordNamesAndNothingIsRead) {
  FakeBytes bytes = Bytes("something else", "/bin/other", "other\0"s);
  const ProcessFacts facts = ByRecord("sh", &bytes);
  EXPECT_EQ(facts.comm, "sh");
  EXPECT_EQ(facts.rule_name, "");
  EXPECT_FALSE(facts.name_lost);
  EXPECT_TRUE(bytes.reads.empty());
}

TEST_F(ProcessNamerTest, RulesSeeTheRecordsNameAndWhatProcHas) {
  namer_.SetRules(Rule({{RuleInput::kComm, "python3?"}, {RuleInput::kCmdline, ".* -m ([a-z.]+).*"}},
                       "python:$1"));
  FakeBytes bytes = Bytes("renamed", "/usr/bin/python3.11", "python3\0-m\0http.server\0"s);
  EXPECT_EQ(ByRecord("python3", &bytes).rule_name, "python:http.server");
}

TEST_F(ProcessNamerTest, RulesOfAnEarlierProgramSeeItsNameAlone) {
  namer_.SetRules(Rule({{RuleInput::kExe, ".*"}}, "by exe"));
  EXPECT_EQ(ByRecord("sh", nullptr).rule_name, "") << "never by the later program's file";
  namer_.SetRules(Rule({{RuleInput::kComm, "sh"}}, "by comm"));
  EXPECT_EQ(ByRecord("sh", nullptr).rule_name, "by comm");
}

TEST_F(ProcessNamerTest, RulesOnExeMatchAFileThatWasReplaced) {
  namer_.SetRules(Rule({{RuleInput::kExe, "/usr/bin/bash"}}, "shell"));
  FakeBytes bytes = Bytes("bash", "/usr/bin/bash (deleted)", "bash\0"s);
  EXPECT_EQ(ByRecord("bash", &bytes).rule_name, "shell");
}

TEST_F(ProcessNamerTest, RulesSeeTheWholeCommandLine) {
  namer_.SetRules(Rule({{RuleInput::kCmdline, ".* ([a-zA-Z.]+)"}}, "$1"));
  FakeBytes bytes = Bytes("java", "/usr/bin/java",
                          "java\0-cp\0"s + std::string(50'000, 'x') + "\0org.example.Main\0"s);
  EXPECT_EQ(ByRecord("java", &bytes).rule_name, "org.example.Main");
  FakeBytes ended = Bytes("java", "/usr/bin/java", "");
  namer_.SetRules(Rule({{RuleInput::kCmdline, ".*"}}, "x"));
  EXPECT_EQ(ByRecord("java", &ended).rule_name, "") << "a zombie has none: that is no empty one";
}

TEST_F(ProcessNamerTest, RulesSeeOnePathOfTheCgroup) {
  namer_.SetRules(Rule({{RuleInput::kCgroup, "(.*)"}}, "$1"));
  FakeBytes bytes;
  bytes.With(RuleInput::kCgroup, "1:name=systemd:/x\n0::/kubepods/a\n");
  EXPECT_EQ(ByRecord("sh", &bytes).rule_name, "/kubepods/a");
}

TEST_F(ProcessNamerTest, WithoutARecordProcIsAsked) {
  FakeBytes bytes = Bytes("sh", "/usr/bin/dash", "sh\0"s);
  EXPECT_EQ(ByProc(Since::kNothing, bytes).comm, "sh");
  EXPECT_EQ(bytes.reads, std::vector<RuleInput>{RuleInput::kComm});
}

TEST_F(ProcessNamerTest, ARenameSinceTheExecLeavesTheFile) {
  FakeBytes bytes = Bytes("newname", "/tmp/rename_self", "/tmp/rename_self\0"s);
  EXPECT_EQ(ByProc(Since::kRenamed, bytes).comm, "rename_self");
  FakeBytes closed;
  const ProcessFacts facts = ByProc(Since::kRenamed, closed);
  EXPECT_EQ(facts.comm, "");
  EXPECT_TRUE(facts.name_lost) << "its exit record tells what it calls itself";
}

TEST_F(ProcessNamerTest, AnotherProgramSinceTheExecTellsNothingOfThisOne) {
  FakeBytes bytes = Bytes("worker", "/bin/worker", "worker\0"s);
  const ProcessFacts facts = ByProc(Since::kExeced, bytes);
  EXPECT_EQ(facts.comm, "");
  EXPECT_TRUE(facts.name_lost);
  EXPECT_TRUE(bytes.reads.empty());
}

TEST_F(ProcessNamerTest, AnotherProcessWithTheIdLeavesTheExitRecord) {
  FakeBytes bytes = Bytes("next", "/bin/next", "next\0"s);
  const ProcessFacts facts = ByProc(Since::kReused, bytes);
  EXPECT_EQ(facts.comm, "");
  EXPECT_FALSE(facts.name_lost);
  EXPECT_TRUE(bytes.reads.empty());
}

TEST_F(ProcessNamerTest, WhatAScanFoundIsNamedByWhatItExecutes) {
  FakeBytes bytes = Bytes("node-MainThread", "/usr/bin/node", "node\0"s);
  namer_.SetRules(Rule({{RuleInput::kComm, "node"}}, "js"));
  ProcessFacts facts;
  namer_.NameFound("node-MainThread", bytes, facts);
  EXPECT_EQ(facts.comm, "node");
  EXPECT_EQ(facts.rule_name, "js") << "rules see the program, as they do at an exec";
}

}  // namespace
}  // namespace cnproc
