// SPDX-License-Identifier: Apache-2.0
#include "collectors/who/identities.h"

#include <gtest/gtest.h>

#include "tests/collectors/who_world.h"

namespace cnproc {
namespace {

const std::string kContainer = "docker://" + std::string(64, 'a');
const std::string kContainerPath = "/docker/" + std::string(64, 'a');

// A world in which process 1 is known as "init", of init.scope and root.
class IdentitiesTest : public testing::Test {
 protected:
  static void Boot(WhoWorld& world) {
    ProcessSnapshot init;
    init.tgid = 1;
    init.real_uid = 0;
    init.effective_uid = 0;
    init.comm = "init";
    world.Scan({init}, {Comm("init", "/init.scope")});
  }
  void SetUp() override { Boot(world_); }

  uint64_t Named(NameSource source) const { return world_.identities().names(source); }

  WhoWorld world_;
};

TEST_F(IdentitiesTest, ForkInheritsAndExecReplaces) {
  world_.Fork(2, 1);
  EXPECT_EQ(world_.Program(2), "init");
  EXPECT_EQ(world_.ValueOf(2, Dimension::kUnit), "init.scope");
  EXPECT_EQ(world_.ValueOf(2, Dimension::kUser), "0");
  world_.Exec(2, Comm("nginx", "/system.slice/nginx.service"));
  EXPECT_EQ(world_.Program(2), "nginx");
  EXPECT_EQ(world_.ValueOf(2, Dimension::kUnit), "nginx.service");
  world_.Fork(3, 2);
  EXPECT_EQ(world_.Program(3), "nginx");
  world_.Exit(3);
  world_.Exit(2);
  EXPECT_EQ(Named(NameSource::kInherited), 1U);
  EXPECT_EQ(Named(NameSource::kExec), 1U);
}

TEST_F(IdentitiesTest, AnExecThatCannotBeReadIsNamedByItsRecord) {
  // Given a program that was gone before it could be read, and whose record has come
  world_.Fork(2, 1);
  world_.Exec(2, ProcessFacts(), RecordOf(2, "tiny"));
  EXPECT_EQ(world_.Program(2), "tiny");
  world_.Exit(2);
  EXPECT_EQ(Named(NameSource::kTaskstats), 1U);
  EXPECT_EQ(world_.Number("cnproc_program_execs_total{program=\"tiny\"}"), 1);
  // Its cgroup is that of its parent.
  EXPECT_EQ(world_.identities().cgroups_inherited(), 1U);
  EXPECT_EQ(world_.Number("cnproc_unit_execs_total{unit=\"init.scope\"}"), 1);
}

TEST_F(IdentitiesTest, WhatANamelessProcessDidIsCountedOnceItHasAName) {
  // Given one whose record comes with its exit only
  world_.Fork(2, 1);
  world_.Exec(2, ProcessFacts());
  EXPECT_EQ(world_.Program(2), "");
  world_.Fork(3, 2);
  world_.Fork(4, 2);
  EXPECT_EQ(world_.Program(3), "");
  EXPECT_EQ(world_.Number("cnproc_program_execs_total{program=\"late\"}"), 0);
  world_.Exit(2, 0, RecordOf(2, "late"));
  EXPECT_EQ(world_.Number("cnproc_program_execs_total{program=\"late\"}"), 1);
  EXPECT_EQ(world_.Number("cnproc_program_forks_total{program=\"late\"}"), 2);
  EXPECT_EQ(world_.Number("cnproc_program_exits_total{outcome=\"success\",program=\"late\"}"), 1);
  EXPECT_EQ(world_.Number("cnproc_lineage_execs_total{parent=\"init\",program=\"late\"}"), 1);
  // A child of it is told by its own record, which carries the same name.
  world_.Exit(3, 0, RecordOf(3, "late"));
  EXPECT_EQ(world_.Number("cnproc_program_exits_total{outcome=\"success\",program=\"late\"}"), 2);
  EXPECT_EQ(world_.Number("cnproc_program_execs_total{program=\"late\"}"), 1);
  EXPECT_EQ(Named(NameSource::kTaskstats), 2U);
}

TEST_F(IdentitiesTest, OnlyTheLeadersRecordTells) {
  world_.Fork(2, 1);
  world_.Exec(2, ProcessFacts());
  world_.ForkThread(20, 2);
  world_.ExitThread(20, 2, 0, RecordOf(20, "worker"));
  EXPECT_EQ(world_.Program(2), "");
  // The leader ends first, and its record names the process that lives on.
  world_.ForkThread(21, 2);
  world_.Exit(2, 0, RecordOf(2, "server"));
  EXPECT_EQ(world_.Program(2), "server");
  world_.ExitThread(21, 2, 0, RecordOf(21, "worker"));
  EXPECT_EQ(world_.Number("cnproc_program_exits_total{outcome=\"success\",program=\"server\"}"), 1);
  EXPECT_EQ(world_.Number("cnproc_program_execs_total{program=\"server\"}"), 1);
}

TEST_F(IdentitiesTest, WithoutARecordANamelessProcessIsUnknown) {
  world_.Fork(2, 1);
  world_.Exec(2, ProcessFacts());
  world_.Exit(2, 0x100);
  EXPECT_EQ(world_.Number("cnproc_program_exits_total{outcome=\"error\",program=\"unknown\"}"), 1);
  EXPECT_EQ(world_.Number("cnproc_program_execs_total{program=\"unknown\"}"), 1);
  EXPECT_EQ(Named(NameSource::kUnknown), 1U);
  // Where no records are expected at all, nobody waits for one.
  WhoWorld without({.records_expected = false});
  Boot(without);
  without.Fork(2, 1);
  without.Exec(2, ProcessFacts());
  EXPECT_EQ(without.Program(2), "unknown");
  without.Fork(3, 2);
  EXPECT_EQ(without.Program(3), "unknown");
}

TEST_F(IdentitiesTest, AProcessNeverHeardOfIsNamedByItsRecord) {
  world_.Exit(77, 0, RecordOf(77, "stranger"));
  EXPECT_EQ(world_.Number("cnproc_program_exits_total{outcome=\"success\",program=\"stranger\"}"),
            1);
}

// sh -c 'exec x', where neither could be read before it was gone.
TEST_F(IdentitiesTest, ANamelessProgramThatExecsIsUnknownAndNotTheNext) {
  world_.Fork(2, 1);
  world_.Exec(2, ProcessFacts());
  world_.Fork(3, 2);
  world_.Exec(2, ProcessFacts());
  world_.Exit(2, 0, RecordOf(2, "worker"));
  EXPECT_EQ(world_.Number("cnproc_program_execs_total{program=\"unknown\"}"), 1);
  EXPECT_EQ(world_.Number("cnproc_program_forks_total{program=\"unknown\"}"), 1);
  EXPECT_EQ(world_.Number("cnproc_program_execs_total{program=\"worker\"}"), 1);
  EXPECT_EQ(world_.Number("cnproc_program_exits_total{outcome=\"success\",program=\"worker\"}"), 1);
  // What was executed by what is known as far as names are.
  EXPECT_EQ(world_.Number("cnproc_lineage_execs_total{parent=\"init\",program=\"unknown\"}"), 1);
  EXPECT_EQ(world_.Number("cnproc_lineage_execs_total{parent=\"unknown\",program=\"worker\"}"), 1);
  EXPECT_EQ(world_.Number("cnproc_lineage_execs_total{parent=\"worker\",program=\"worker\"}"), 0);
}

TEST_F(IdentitiesTest, ANameThatIsLostIsNotTakenFromTheExitRecord) {
  ProcessFacts lost;
  lost.name_lost = true;
  world_.Fork(2, 1);
  // Given that another exec follows, whose program ends before this one is applied
  world_.Exec(2, lost, RecordOf(2, "worker"));
  EXPECT_EQ(world_.Program(2), "unknown");
  world_.Exec(2, Comm("worker"));
  EXPECT_EQ(world_.Program(2), "worker");
  EXPECT_EQ(world_.Number("cnproc_program_execs_total{program=\"worker\"}"), 1);
}

TEST_F(IdentitiesTest, ProgramsCalledAsOursAreKeepTheirOwnNames) {
  world_.Fork(2, 1);
  world_.Exec(2, Comm("kthread"));
  EXPECT_EQ(world_.Program(2), "kthread_");
  world_.Exec(2, Comm("unknown"));
  EXPECT_EQ(world_.Program(2), "unknown_");
  world_.Exec(2, Comm("other"));
  EXPECT_EQ(world_.Program(2), "other_");
  ProcessFacts by_rule = Comm("x");
  by_rule.rule_name = "kthread";
  world_.Exec(2, by_rule);
  EXPECT_EQ(world_.Program(2), "kthread_");
  world_.Fork(3, 1);
  world_.Exec(3, ProcessFacts());
  world_.Exit(3, 0, RecordOf(3, "unknown"));
  EXPECT_EQ(world_.Number("cnproc_program_execs_total{program=\"unknown_\"}"), 2);
}

TEST_F(IdentitiesTest, KernelThreadsAreOneProgramWithoutUnit) {
  ProcessSnapshot kthreadd;
  kthreadd.tgid = 2;
  kthreadd.comm = "kthreadd";
  kthreadd.real_uid = 0;
  kthreadd.kernel_thread = true;
  world_.Scan({kthreadd}, {Comm("kthreadd")});
  world_.Fork(3, 2);
  EXPECT_EQ(world_.Program(2), "kthread");
  EXPECT_EQ(world_.Program(3), "kthread");
  EXPECT_EQ(world_.ValueOf(3, Dimension::kUnit), "");
  world_.Exit(3);
  EXPECT_EQ(Named(NameSource::kKthread), 1U);
  // One that execs is a helper of the kernel's, and a program as any other.
  world_.Fork(4, 2);
  world_.Exec(4, Comm("modprobe", "/"));
  EXPECT_EQ(world_.Program(4), "modprobe");
}

TEST_F(IdentitiesTest, ContainersComeWithTheirRuntime) {
  world_.Fork(2, 1);
  world_.Exec(2, Comm("app", kContainerPath));
  EXPECT_EQ(world_.ValueOf(2, Dimension::kContainer), kContainer);
  EXPECT_EQ(world_.ValueOf(2, Dimension::kUnit), "");
  EXPECT_EQ(world_.Number("cnproc_container_info{container_id=\"" + kContainer +
                          "\",pod_uid=\"\",runtime=\"docker\"}"),
            1);
  EXPECT_EQ(world_.identities().cgroups_read(), 1U);
}

TEST_F(IdentitiesTest, UsersFollowTheRealId) {
  world_.Fork(2, 1);
  world_.SetUid(2, 1000, 1000);
  EXPECT_EQ(world_.ValueOf(2, Dimension::kUser), "1000");
  world_.Exec(2, Comm("sh"));
  world_.Fork(3, 2);
  EXPECT_EQ(world_.ValueOf(3, Dimension::kUser), "1000");
  // A set-uid program: only the effective one changes.
  world_.SetUid(3, 1000, 0);
  EXPECT_EQ(world_.ValueOf(3, Dimension::kUser), "1000");
  EXPECT_EQ(world_.Number("cnproc_user_execs_total{uid=\"1000\"}"), 1);
  EXPECT_EQ(world_.Number("cnproc_user_forks_total{uid=\"0\"}"), 1);
  EXPECT_EQ(world_.Number("cnproc_user_forks_total{uid=\"1000\"}"), 1);
  // Then the program counts that came of it, even if its name is known late.
  world_.Exec(3, {});
  EXPECT_EQ(world_.Number("cnproc_program_privilege_escalations_total{program=\"sh\"}"), 0);
  world_.Exit(3, 0, RecordOf(3, "sudo"));
  EXPECT_EQ(world_.Number("cnproc_program_privilege_escalations_total{program=\"sudo\"}"), 1);
  // One that makes itself root counts itself.
  world_.SetUid(2, 1000, 0);
  world_.Settle();
  EXPECT_EQ(world_.Number("cnproc_program_privilege_escalations_total{program=\"sh\"}"), 1);
  EXPECT_EQ(world_.Number("cnproc_program_privilege_escalations_total{program=\"sudo\"}"), 1);
}

TEST_F(IdentitiesTest, TheMostCommonValuesComeFirst) {
  // Given room for two programs, and a scan that meets the rare ones first
  WhoWorld world({.limit = 2});
  std::vector<ProcessSnapshot> processes;
  std::vector<ProcessFacts> facts;
  for (const char* comm : {"rare", "some", "some", "many", "many", "many"}) {
    ProcessSnapshot process;
    process.tgid = static_cast<pid_t>(processes.size()) + 1;
    process.comm = comm;
    processes.push_back(process);
    facts.push_back(Comm(comm));
  }
  world.Scan(processes, facts);
  EXPECT_EQ(world.Program(1), "other");
  EXPECT_EQ(world.Program(2), "some");
  EXPECT_EQ(world.Program(6), "many");
}

TEST_F(IdentitiesTest, AScanFillsInWhatEventsCouldNotTell) {
  // Given a process whose parent was forked before anyone listened
  WhoWorld world;
  world.Fork(5, 4);
  EXPECT_EQ(world.Program(5), "");
  ProcessSnapshot process;
  process.tgid = 5;
  process.comm = "child";
  process.real_uid = 7;
  world.Scan({process}, {Comm("child", "/system.slice/a.service")});
  EXPECT_EQ(world.Program(5), "child");
  EXPECT_EQ(world.ValueOf(5, Dimension::kUnit), "a.service");
  // A later scan does not rename it.
  world.Scan({process}, {Comm("renamed", "/system.slice/b.service")});
  EXPECT_EQ(world.Program(5), "child");
  EXPECT_EQ(world.ValueOf(5, Dimension::kUnit), "a.service");
}

TEST_F(IdentitiesTest, AScanTellsTheUserOfAProcessThatWasForkedMeanwhile) {
  // Given a process that was forked while the first scan ran, by one that was not known yet
  WhoWorld world;
  world.BeginScan();
  world.Fork(5, 4);
  world.EndScan({SnapshotOf(5, "www", 33)}, {Comm("www")});
  EXPECT_EQ(world.ValueOf(5, Dimension::kUser), "33");
  // Then its first step to root is an escalation, and its children are its user's
  world.Fork(6, 5);
  EXPECT_EQ(world.ValueOf(6, Dimension::kUser), "33");
  world.SetUid(5, 33, 0);
  world.Settle();
  EXPECT_EQ(world.Number("cnproc_program_privilege_escalations_total{program=\"www\"}"), 1);
}

TEST_F(IdentitiesTest, AScanCorrectsAUserWhoseChangeWasLost) {
  world_.Fork(5, 1);
  world_.Exec(5, Comm("daemon"));
  ASSERT_EQ(world_.ValueOf(5, Dimension::kUser), "0");
  world_.Scan({SnapshotOf(1, "init"), SnapshotOf(5, "daemon", 33)}, {Comm("init"), Comm("daemon")});
  EXPECT_EQ(world_.ValueOf(5, Dimension::kUser), "33");
  EXPECT_EQ(world_.Program(5), "daemon");
}

TEST_F(IdentitiesTest, AScanTellsKernelThreadsToo) {
  WhoWorld world;
  world.Fork(5, 2);
  ProcessSnapshot worker;
  worker.tgid = 5;
  worker.comm = "kworker/0:1";
  worker.kernel_thread = true;
  world.Scan({worker}, {Comm("kworker/0:1")});
  EXPECT_EQ(world.Program(5), "kthread");
}

TEST_F(IdentitiesTest, RulesApplyToRecordsAsFarAsCommGoes) {
  std::vector<ProgramRule> rules(2);
  ASSERT_TRUE(rules[0].AddExpression(RuleInput::kCmdline, ".*").ok());
  ASSERT_TRUE(rules[0].SetName("never").ok());
  ASSERT_TRUE(rules[1].AddExpression(RuleInput::kComm, "kworker.*|(tiny)_.*").ok());
  ASSERT_TRUE(rules[1].SetName("all $1").ok());
  WhoWorld world({.rules = ProgramRules(std::move(rules))});
  Boot(world);
  world.Fork(2, 1);
  world.Exec(2, ProcessFacts(), RecordOf(2, "tiny_1"));
  EXPECT_EQ(world.Program(2), "all tiny");
  ProcessFacts by_rule = Comm("x");
  by_rule.rule_name = "by rule";
  world.Exec(2, by_rule);
  EXPECT_EQ(world.Program(2), "by rule");
  world.Exit(2);
  EXPECT_EQ(world.identities().names(NameSource::kRule), 1U);
}

// Facts as a scan has them, by the rules in force.
ProcessFacts ByRule(const std::string& comm, const std::string& name) {
  ProcessFacts facts = Comm(comm);
  facts.rule_name = name;
  return facts;
}
ProgramRules RuleOnComm(const char* expression, const char* name) {
  std::vector<ProgramRule> rules(1);
  EXPECT_TRUE(rules[0].AddExpression(RuleInput::kComm, expression).ok());
  EXPECT_TRUE(rules[0].SetName(name).ok());
  return ProgramRules(std::move(rules));
}

TEST_F(IdentitiesTest, AReloadNamesLivingProcessesByItsRules) {
  // Given two servers, a child of one that never exec'd, and one that renamed itself since
  world_.Fork(2, 1);
  world_.Exec(2, Comm("java"));
  world_.Fork(3, 2);
  world_.Fork(4, 1);
  world_.Exec(4, Comm("nginx"));
  const std::vector<ProcessSnapshot> processes = {SnapshotOf(1, "init"), SnapshotOf(2, "java"),
                                                  SnapshotOf(3, "java"), SnapshotOf(4, "worker")};
  // When a rule comes
  world_.Reload(
      {.rules = RuleOnComm("(java)", "jvm:$1")}, processes,
      {Comm("init"), ByRule("java", "jvm:java"), ByRule("java", "jvm:java"), Comm("worker")});
  // Then who it matches has its name at once, and nobody else another.
  EXPECT_EQ(world_.Program(2), "jvm:java");
  EXPECT_EQ(world_.Program(3), "jvm:java");
  EXPECT_EQ(world_.Program(4), "nginx");
  EXPECT_EQ(world_.Number("cnproc_program_processes{program=\"jvm:java\"}"), 2);
  EXPECT_EQ(world_.Number("cnproc_program_processes{program=\"java\"}"), 0);
  // What was counted under the old name stays there; what comes is the new one's.
  EXPECT_EQ(world_.Number("cnproc_program_execs_total{program=\"java\"}"), 1);
  EXPECT_EQ(world_.Number("cnproc_program_execs_total{program=\"jvm:java\"}"), 0);
  world_.Exit(3);
  EXPECT_EQ(world_.Number("cnproc_program_exits_total{outcome=\"success\",program=\"jvm:java\"}"),
            1);
  EXPECT_EQ(Named(NameSource::kRule), 1U);
  // A later scan renames nobody.
  world_.Scan(processes, {Comm("init"), Comm("java"), Comm("java"), Comm("worker")});
  EXPECT_EQ(world_.Program(2), "jvm:java");
}

TEST_F(IdentitiesTest, AReloadDoesNotNameAProcessByWhatItWasBeforeItsExec) {
  // Given a shell that was read, and execs before what was read is used
  world_.Fork(2, 1);
  world_.Exec(2, Comm("sh"));
  world_.Configure({.rules = RuleOnComm("(sh)", "shell:$1")});
  world_.BeginScan();
  world_.Exec(2, Comm("nginx"));
  world_.EndRenaming({SnapshotOf(1, "init"), SnapshotOf(2, "sh")},
                     {Comm("init"), ByRule("sh", "shell:sh")});
  EXPECT_EQ(world_.Program(2), "nginx");
}

TEST_F(IdentitiesTest, AReloadWithoutTheRuleGivesBackTheNames) {
  WhoWorld world({.rules = RuleOnComm("(java)", "jvm:$1")});
  Boot(world);
  world.Fork(2, 1);
  world.Exec(2, ByRule("java", "jvm:java"));
  world.Fork(3, 2);
  world.Fork(4, 1);
  world.Reload({},
               {SnapshotOf(1, "init"), SnapshotOf(2, "java"), SnapshotOf(3, "java"),
                SnapshotOf(4, "calls-itself-so")},
               {Comm("init"), Comm("java"), Comm("java"), Comm("calls-itself-so")});
  EXPECT_EQ(world.Program(2), "java");
  EXPECT_EQ(world.Program(3), "java");
  EXPECT_EQ(world.Program(4), "init");
  EXPECT_EQ(world.Number("cnproc_program_processes{program=\"jvm:java\"}"), 0);
}

TEST_F(IdentitiesTest, NothingIsHeldForProcessesThatAreGone) {
  for (pid_t pid = 100; pid < 200; ++pid) {
    world_.Fork(pid, 1);
    world_.Exec(pid, pid % 2 == 0 ? std::optional<ProcessFacts>(Comm("p" + std::to_string(pid % 5)))
                                  : ProcessFacts());
    // Half of them end, the other half vanishes as its ids are given again.
    if (pid % 4 < 2) world_.Exit(pid);
  }
  for (pid_t pid = 100; pid < 200; ++pid) world_.Fork(pid, 1);
  for (pid_t pid = 100; pid < 200; ++pid) world_.Exit(pid);
  world_.Settle();
  for (const Dimension dimension : {Dimension::kProgram, Dimension::kUnit, Dimension::kUser}) {
    uint64_t alive = 0;
    world_.identities().values(dimension).ForEach(
        [&](ValueId, const LabelValues::Value& value) { alive += value.processes; });
    EXPECT_EQ(alive, 1U) << static_cast<int>(dimension);  // init
  }
}

TEST_F(IdentitiesTest, AValueThatWasGivenUpIsNotTakenForItsSuccessor) {
  // Given a nameless process whose program before gave way meanwhile
  WhoWorld world({.limit = 2});
  Boot(world);
  world.Fork(2, 1);
  world.Exec(2, Comm("before"));
  world.Exec(2, ProcessFacts());
  world.Advance(WhoWorld::kIdleTimeoutNs);
  world.Fork(3, 1);
  world.Exec(3, Comm("usurper"));
  ASSERT_EQ(world.Program(3), "usurper");
  world.Exit(2, 0, RecordOf(2, "x"));
  EXPECT_EQ(world.Number("cnproc_lineage_execs_total{parent=\"usurper\",program=\"other\"}"), 0);
}

}  // namespace
}  // namespace cnproc
