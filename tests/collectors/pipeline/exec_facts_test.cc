// SPDX-License-Identifier: Apache-2.0
// Who gives a program its name: the kernel's record of the exec, else /proc, else nobody.
#include "collectors/pipeline/exec_facts.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/collectors/kernel/fake_comm.h"
#include "tests/collectors/kernel/fake_source.h"
#include "tests/temp_folder.h"

namespace cnproc {
namespace {

namespace fs = std::filesystem;
using std::string_literals::operator""s;

Event EventOf(EventType type, pid_t tgid, int64_t at_ns) {
  return {.type = type, .timestamp_ns = at_ns, .tid = tgid, .tgid = tgid};
}
Event Exec(pid_t tgid, int64_t at_ns) { return EventOf(EventType::kExec, tgid, at_ns); }

class ExecFactsTest : public testing::Test {
 protected:
  // As the process is now.
  void Proc(pid_t tgid, const std::string& comm, const std::string& exe) {
    const fs::path folder = root_ / std::to_string(tgid);
    fs::remove_all(folder);
    fs::create_directories(folder);
    std::ofstream(folder / "comm") << comm << '\n';
    std::ofstream(folder / "cmdline") << exe << '\0';
    fs::create_symlink(exe, folder / "exe");
  }
  void QueueRecord(pid_t tgid, const std::string& comm, int64_t at_ns) {
    source_.Queue(SocketId::kComm, {FakeCommDatagram(FakeCommRecord(tgid, tgid, comm, at_ns))});
  }
  void QueueLoss(uint64_t count, int64_t until_ns) {
    source_.Queue(SocketId::kComm, {FakeCommDatagram(FakeLostRecord(count, until_ns))});
  }
  void Open() {
    absl::StatusOr<ProcessReader> reader =
        ProcessReader::Open(root_.string(), {.comm = true, .cgroup = false, .kubelet_runtime = ""});
    execs_.emplace(std::move(reader), source_);
  }
  // Names of the execs of a batch: a rule's first, "lost" for one that nobody will know.
  std::vector<std::string> Names(const std::vector<Event>& events,
                                 const std::vector<Event>& life_ahead = {},
                                 const std::vector<Event>& attributes_ahead = {}) {
    std::vector<ProcessFacts> facts;
    execs_->Read({.events = events,
                  .received_ns = 0,
                  .round = ++round_,
                  .life_ahead = life_ahead,
                  .attributes_ahead = attributes_ahead},
                 facts, stats_);
    std::vector<std::string> names;
    for (const ProcessFacts& one : facts) {
      const std::string& name = one.rule_name.empty() ? one.comm : one.rule_name;
      names.push_back(one.name_lost ? "lost" : name);
    }
    return names;
  }

  TempFolder folder_;
  const fs::path root_ = folder_.path();
  FakeSource source_;
  std::optional<ExecFacts> execs_;
  SideStats stats_;
  uint64_t round_ = 0;
};

using List = std::vector<std::string>;

// ---- With comm records ----

TEST_F(ExecFactsTest, BothProgramsOfAChainHaveTheirNames) {
  QueueRecord(7, "sh", 10'000);
  QueueRecord(7, "worker", 30'000);
  Open();
  Proc(7, "worker", "/bin/worker");
  EXPECT_EQ(Names({Exec(7, 20'000), Exec(7, 40'000)}), (List{"sh", "worker"}));
  EXPECT_EQ(stats_.comm_records, 2u);
}

TEST_F(ExecFactsTest, AProcessThatRenamedItselfIsWhatWasExecuted) {
  QueueRecord(7, "node", 10'000);
  Open();
  Proc(7, "node-MainThread", "/usr/bin/node");
  EXPECT_EQ(Names({Exec(7, 20'000)}), List{"node"});
}

TEST_F(ExecFactsTest, AnIdThatCameRoundWithinABatchKeepsNamesApart) {
  QueueRecord(7, "first", 10'000);
  QueueRecord(7, "second", 50'000);
  Open();
  Proc(7, "second", "/bin/second");
  EXPECT_EQ(Names({EventOf(EventType::kFork, 7, 5'000), Exec(7, 20'000),
                   EventOf(EventType::kExit, 7, 30'000), EventOf(EventType::kFork, 7, 40'000),
                   Exec(7, 60'000)}),
            (List{"first", "second"}));
}

TEST_F(ExecFactsTest, ARuleOnTheFileOfAnEarlierProgramDoesNotMatchTheLaters) {
  QueueRecord(7, "sh", 10'000);
  QueueRecord(7, "worker", 30'000);
  Open();
  Proc(7, "worker", "/bin/worker");
  std::vector<ProgramRule> rules(1);
  ASSERT_TRUE(rules[0].AddExpression(RuleInput::kExe, "/bin/(.*)").ok());
  ASSERT_TRUE(rules[0].SetName("exe:$1").ok());
  execs_->SetRules(ProgramRules(std::move(rules)));
  EXPECT_EQ(Names({Exec(7, 20'000), Exec(7, 40'000)}), (List{"sh", "exe:worker"}));
}

TEST_F(ExecFactsTest, WhatAnsweredTooLateIsTakenBack) {
  // Given an exec whose event is read, and another exec before /proc is asked
  QueueRecord(7, "sh", 10'000);
  Open();
  Proc(7, "worker", "/bin/worker");
  std::vector<ProgramRule> rules(1);
  ASSERT_TRUE(rules[0].AddExpression(RuleInput::kExe, ".*").ok());
  ASSERT_TRUE(rules[0].SetName("by the file").ok());
  execs_->SetRules(ProgramRules(std::move(rules)));
  execs_->ReadNames(stats_);
  source_.Queue(SocketId::kComm, {});
  QueueRecord(7, "worker", 30'000);
  EXPECT_EQ(Names({Exec(7, 20'000)}), List{"sh"});
}

TEST_F(ExecFactsTest, ALostRecordLeavesTheMomentToProc) {
  QueueLoss(3, 15'000);
  Open();
  Proc(7, "sh", "/usr/bin/dash");
  EXPECT_EQ(Names({Exec(7, 20'000)}), List{"sh"});
  EXPECT_EQ(stats_.comm_records_lost, 3u);
  // and records are good again after it
  QueueRecord(8, "next", 30'000);
  EXPECT_EQ(Names({Exec(8, 40'000)}), List{"next"});
}

TEST_F(ExecFactsTest, ARecordWithoutProcIsEnough) {
  QueueRecord(7, "replayed", 10'000);
  execs_.emplace(absl::UnavailableError("a recording has no /proc"), source_);
  EXPECT_TRUE(execs_->names_status().ok());
  EXPECT_FALSE(execs_->processes_status().ok());
  EXPECT_EQ(Names({Exec(7, 20'000), Exec(8, 20'000)}), (List{"replayed", ""}));
}

// ---- Without them ----

TEST_F(ExecFactsTest, ProcNamesTheLastProgramAndNobodyTheEarlier) {
  Open();
  Proc(7, "worker", "/bin/worker");
  EXPECT_EQ(Names({Exec(7, 20'000), Exec(7, 40'000)}), (List{"lost", "worker"}));
}

TEST_F(ExecFactsTest, AnExecThatIsReadAlreadyCountsToo) {
  Open();
  Proc(7, "worker", "/bin/worker");
  EXPECT_EQ(Names({Exec(7, 20'000)}, {Exec(7, 40'000)}), List{"lost"});
  EXPECT_EQ(Names({Exec(7, 40'000)}), List{"worker"});
}

TEST_F(ExecFactsTest, ARenameThatIsReadAlreadyLeavesTheFile) {
  Open();
  Proc(7, "newname", "/tmp/rename_self");
  EXPECT_EQ(Names({Exec(7, 20'000)}, {}, {EventOf(EventType::kComm, 7, 30'000)}),
            List{"rename_self"});
  Proc(8, "newname", "/tmp/rename_self");
  fs::remove(root_ / "8/exe");
  EXPECT_EQ(Names({Exec(8, 20'000), EventOf(EventType::kComm, 8, 30'000)}), List{"lost"});
}

TEST_F(ExecFactsTest, ARenameOfAThreadOrBeforeTheExecIsNone) {
  Open();
  Proc(7, "sh", "/usr/bin/dash");
  Event thread = EventOf(EventType::kComm, 7, 30'000);
  thread.tid = 8;
  EXPECT_EQ(Names({EventOf(EventType::kComm, 7, 10'000), Exec(7, 20'000), thread}), List{"sh"});
}

TEST_F(ExecFactsTest, AnotherProcessWithTheIdGivesItsNameToNobody) {
  Open();
  Proc(7, "second", "/bin/second");
  // The first has ended: its exit record tells.
  EXPECT_EQ(Names({Exec(7, 20'000), EventOf(EventType::kExit, 7, 30'000),
                   EventOf(EventType::kFork, 7, 40'000), Exec(7, 60'000)}),
            (List{"", "second"}));
}

TEST_F(ExecFactsTest, WhoIsGoneHasNoNameYet) {
  Open();
  EXPECT_EQ(Names({Exec(7, 20'000)}), List{""});
}

TEST_F(ExecFactsTest, AScannedProcessIsNamedByWhatItExecutes) {
  Open();
  Proc(7, "node-MainThread", "/usr/bin/node");
  ProcessSnapshot snapshot;
  snapshot.tgid = 7;
  snapshot.comm = "node-MainThread";
  EXPECT_EQ(execs_->Complete(snapshot).comm, "node");
}

// runc executes itself again in the container's cgroup; what it becomes at last may be called as
// such a copy is.
TEST_F(ExecFactsTest, ARuntimeIsOneUntilItBecomesTheContainersProgram) {
  const auto sets_up = [this](const std::vector<Event>& events) {
    std::vector<ProcessFacts> facts;
    execs_->Read({.events = events,
                  .received_ns = 0,
                  .round = ++round_,
                  .life_ahead = {},
                  .attributes_ahead = {}},
                 facts, stats_);
    return facts.back().sets_up_container;
  };
  Open();
  Proc(20, "runc", "/usr/sbin/runc");
  EXPECT_TRUE(sets_up({Exec(20, 1)}));
  Event fork = EventOf(EventType::kFork, 21, 2);
  fork.parent_tid = fork.parent_tgid = 20;
  Proc(21, "exe", "/usr/sbin/runc");
  EXPECT_TRUE(sets_up({fork, Exec(21, 3)}));
  Proc(21, "6", "/memfd:runc_cloned:/proc/self/exe (deleted)");
  EXPECT_TRUE(sets_up({Exec(21, 4)}));
  Proc(21, "exe", "/");
  EXPECT_TRUE(sets_up({Exec(21, 4)}));
  Proc(21, "exe", "/bin/exe");
  EXPECT_FALSE(sets_up({Exec(21, 5)}));
  Proc(21, "7", "/bin/7");
  EXPECT_FALSE(sets_up({Exec(21, 6)})) << "it is none any more";
  Proc(22, "exe", "/opt/exe");
  EXPECT_FALSE(sets_up({Exec(22, 7)})) << "nor was this ever one";
}

}  // namespace
}  // namespace cnproc
