// SPDX-License-Identifier: Apache-2.0
// The numbers of program, unit, container, lineage, taskstats and oom.
#include <gtest/gtest.h>

#include <csignal>

#include "tests/collectors/who_world.h"

namespace cnproc {
namespace {

constexpr uint32_t kCoreWritten = 0x80;

class WhoCollectorsTest : public testing::Test {
 protected:
  void SetUp() override {
    ProcessSnapshot init;
    init.tgid = 1;
    init.real_uid = 0;
    init.comm = "init";
    world_.Scan({init}, {Comm("init")});
  }
  // Starts a program of a unit as a child of init.
  void Start(pid_t pid, const std::string& comm, const std::string& unit) {
    world_.Fork(pid, 1);
    world_.Exec(pid, Comm(comm, "/system.slice/" + unit));
  }

  WhoWorld world_;
};

TEST_F(WhoCollectorsTest, CountsEndsByOutcomeAndSignal) {
  Start(2, "app", "a.service");
  Start(3, "app", "a.service");
  Start(4, "app", "b.service");
  Start(5, "app", "b.service");
  world_.Exit(2);
  world_.Exit(3, 0x300);
  world_.Exit(4, SIGSEGV | kCoreWritten);
  world_.Exit(5, SIGTERM);
  const auto page = world_.Page();
  EXPECT_EQ(page.at("cnproc_program_exits_total{outcome=\"success\",program=\"app\"}"), 1);
  EXPECT_EQ(page.at("cnproc_program_exits_total{outcome=\"error\",program=\"app\"}"), 1);
  EXPECT_EQ(page.at("cnproc_program_exits_total{outcome=\"signal\",program=\"app\"}"), 2);
  EXPECT_EQ(page.at("cnproc_program_exit_signals_total{program=\"app\",signal=\"SIGSEGV\"}"), 1);
  EXPECT_EQ(page.at("cnproc_program_exit_signals_total{program=\"app\",signal=\"SIGTERM\"}"), 1);
  EXPECT_EQ(page.count("cnproc_program_exit_signals_total{program=\"app\",signal=\"SIGKILL\"}"),
            0U);
  EXPECT_EQ(page.at("cnproc_program_coredumps_total{program=\"app\"}"), 1);
  EXPECT_EQ(page.at("cnproc_unit_coredumps_total{unit=\"a.service\"}"), 0);
  EXPECT_EQ(page.at("cnproc_unit_coredumps_total{unit=\"b.service\"}"), 1);
  EXPECT_EQ(page.at("cnproc_program_processes{program=\"app\"}"), 0);
  EXPECT_EQ(page.at("cnproc_program_processes{program=\"init\"}"), 1);
  EXPECT_EQ(page.at("cnproc_program_forks_total{program=\"init\"}"), 4);
  EXPECT_EQ(page.at("cnproc_program_lifetime_seconds{program=\"app\"}"), 4);
}

TEST_F(WhoCollectorsTest, CountsEndsByCodeWithABoundOnCodes) {
  // Given a program that knows two codes, and one that answers with a count of errors
  for (const uint32_t code : {77U, 1U, 77U, 0U}) {
    Start(2, "app", "a.service");
    world_.Exit(2, code << 8);
  }
  for (uint32_t code = 1; code <= 20; ++code) {
    Start(3, "lint", "a.service");
    world_.Exit(3, code << 8);
  }
  Start(3, "lint", "a.service");
  world_.Exit(3, 8 << 8);
  // Ended by a signal it has no code.
  Start(4, "crash", "a.service");
  world_.Exit(4, SIGSEGV);
  const auto page = world_.Page();
  const auto ends = [&page](const std::string& program, const std::string& code) {
    const auto found = page.find("cnproc_program_exit_codes_total{code=\"" + code +
                                 "\",program=\"" + program + "\"}");
    return found == page.end() ? -1 : found->second;
  };
  EXPECT_EQ(ends("app", "77"), 2);
  EXPECT_EQ(ends("app", "1"), 1);
  EXPECT_EQ(ends("app", "0"), -1);
  EXPECT_EQ(ends("app", "other"), -1);
  // Then the first eight codes count on their own, and no end is lost.
  EXPECT_EQ(ends("lint", "1"), 1);
  EXPECT_EQ(ends("lint", "8"), 2);
  EXPECT_EQ(ends("lint", "9"), -1);
  EXPECT_EQ(ends("lint", "other"), 12);
  EXPECT_EQ(ends("crash", "0"), -1);
  EXPECT_EQ(page.at("cnproc_program_exits_total{outcome=\"error\",program=\"lint\"}"), 21);
}

TEST_F(WhoCollectorsTest, GivesANewValueAllItsSeriesAtOnce) {
  const auto before = world_.Page();
  world_.Advance(5'000'000'000);
  Start(2, "new", "n.service");
  const auto starts = world_.Page(/*start_times=*/true);
  const double start =
      static_cast<double>(world_.identities().now_ns() + WhoWorld::kUnixOffsetNs) * 1e-9;
  for (const char* name : {"forks_total", "execs_total", "coredumps_total", "oom_kills_total",
                           "privilege_escalations_total"}) {
    const std::string series = std::string("cnproc_unit_") + name + "{unit=\"n.service\"}";
    EXPECT_EQ(before.count(series), 0U);
    ASSERT_EQ(starts.count(series), 1U) << series;
    EXPECT_NEAR(starts.at(series), start, 0.001);
  }
  for (const char* outcome : {"success", "error", "signal"}) {
    EXPECT_EQ(starts.count(std::string("cnproc_unit_exits_total{outcome=\"") + outcome +
                           "\",unit=\"n.service\"}"),
              1U);
  }
  for (const char* mode : {"user", "system"}) {
    EXPECT_EQ(starts.count(std::string("cnproc_unit_short_lived_cpu_seconds_total{mode=\"") + mode +
                           "\",unit=\"n.service\"}"),
              1U);
  }
  EXPECT_EQ(starts.count("cnproc_unit_fork_refusals_total{unit=\"n.service\"}"), 1U);
  EXPECT_EQ(starts.at("cnproc_unit_processes{unit=\"n.service\"}"), 0) << "gauges have no start";
}

TEST_F(WhoCollectorsTest, SumsTheCpuOfShortLives) {
  // Given a process of two threads, one that lives for a minute, and one that lives a moment
  Start(2, "app", "a.service");
  world_.ForkThread(20, 2);
  world_.ExitThread(20, 2, 0, RecordOf(20, "worker", 4'000, 8'000));
  world_.Exit(2, 0, RecordOf(2, "app", 12'000, 0));
  Start(3, "app", "a.service");
  world_.Advance(60'000'000'000);
  world_.Exit(3, 0, RecordOf(3, "app", 1'000'000, 1'000'000));
  Start(4, "tool", "b.service");
  world_.Exit(4, 0, RecordOf(4, "tool", 4'000, 4'000));
  const auto page = world_.Page();
  const auto cpu = [&](const std::string& of, const std::string& mode, const std::string& label) {
    return page.at("cnproc_" + of + "short_lived_cpu_seconds_total{mode=\"" + mode + "\"" + label +
                   "}");
  };
  EXPECT_DOUBLE_EQ(cpu("", "user", ""), 0.020);
  EXPECT_DOUBLE_EQ(cpu("", "system", ""), 0.012);
  EXPECT_DOUBLE_EQ(cpu("program_", "user", ",program=\"app\""), 0.016);
  EXPECT_DOUBLE_EQ(cpu("program_", "system", ",program=\"app\""), 0.008);
  EXPECT_DOUBLE_EQ(cpu("unit_", "user", ",unit=\"b.service\""), 0.004);
  EXPECT_EQ(page.at("cnproc_process_peak_resident_bytes{}"), 3);
}

TEST_F(WhoCollectorsTest, ForgetsTheThreadsOfAProcessThatEnded) {
  // Given a process whose thread used CPU, when its id is given again
  Start(2, "app", "a.service");
  world_.ForkThread(20, 2);
  world_.ExitThread(20, 2, 0, RecordOf(20, "worker", 4'000, 0));
  world_.Exit(2);  // its record was lost
  Start(2, "next", "a.service");
  world_.Exit(2, 0, RecordOf(2, "next", 1'000, 0));
  EXPECT_DOUBLE_EQ(
      world_.Number("cnproc_program_short_lived_cpu_seconds_total{mode=\"user\",program=\"next\"}"),
      0.001);
}

TEST_F(WhoCollectorsTest, CountsKillsForWantOfMemory) {
  Start(2, "hungry", "h.service");
  world_.ForkThread(20, 2);
  world_.KillForMemory(2, true);
  world_.KillForMemory(20, false);  // the kernel names a thread where the leader has ended
  world_.KillForMemory(9'999, false);
  const auto page = world_.Page();
  EXPECT_EQ(page.at("cnproc_oom_kills_total{scope=\"cgroup\"}"), 1);
  EXPECT_EQ(page.at("cnproc_oom_kills_total{scope=\"host\"}"), 2);
  EXPECT_EQ(page.at("cnproc_program_oom_kills_total{program=\"hungry\"}"), 2);
  EXPECT_EQ(page.at("cnproc_program_oom_kills_total{program=\"init\"}"), 0);
  EXPECT_EQ(page.at("cnproc_unit_oom_kills_total{unit=\"h.service\"}"), 2);
}

TEST_F(WhoCollectorsTest, CountsRefusedForksOfUnitsAndContainers) {
  const std::string id(64, 'b');
  world_.RefuseForks("/system.slice/bomb.service", 7);
  world_.RefuseForks("/docker/" + id, 3);
  const auto page = world_.Page();
  EXPECT_EQ(page.at("cnproc_unit_fork_refusals_total{unit=\"bomb.service\"}"), 7);
  EXPECT_EQ(page.at("cnproc_container_fork_refusals_total{container_id=\"docker://" + id + "\"}"),
            3);
}

TEST_F(WhoCollectorsTest, TellsWhoStartedWhom) {
  Start(2, "nginx", "n.service");
  world_.Fork(3, 2);
  world_.Exec(3, Comm("sh"));
  world_.Exec(3, Comm("ls"));
  const auto page = world_.Page();
  EXPECT_EQ(page.at("cnproc_lineage_execs_total{parent=\"init\",program=\"nginx\"}"), 1);
  EXPECT_EQ(page.at("cnproc_lineage_execs_total{parent=\"nginx\",program=\"sh\"}"), 1);
  EXPECT_EQ(page.at("cnproc_lineage_execs_total{parent=\"sh\",program=\"ls\"}"), 1);
}

TEST(WhoLimitsTest, CountsTheRestAsOther) {
  WhoWorld world({.limit = 2});
  ProcessSnapshot init;
  init.tgid = 1;
  init.comm = "init";
  world.Scan({init}, {Comm("init")});
  for (pid_t pid = 2; pid < 12; ++pid) {
    world.Fork(pid, 1);
    world.Exec(pid, Comm("p" + std::to_string(pid)));
  }
  const auto page = world.Page();
  EXPECT_EQ(page.at("cnproc_program_execs_total{program=\"p2\"}"), 1);
  EXPECT_EQ(page.at("cnproc_program_execs_total{program=\"other\"}"), 9);
  EXPECT_EQ(page.at("cnproc_program_processes{program=\"other\"}"), 9);
  EXPECT_EQ(page.at("cnproc_label_overflows_total{dimension=\"program\"}"), 9);
  EXPECT_EQ(page.at("cnproc_label_values{dimension=\"program\"}"), 2);
  EXPECT_EQ(page.at("cnproc_label_limit{dimension=\"program\"}"), 2);
  EXPECT_EQ(page.at("cnproc_lineage_execs_total{parent=\"init\",program=\"other\"}"), 9);
  // One family for all dimensions, and no series twice.
  EXPECT_EQ(page.at("cnproc_label_limit{dimension=\"unit\"}"), 2);
  EXPECT_EQ(page.count("cnproc_cgroup_lookups_total{result=\"read\"}"), 1U);
}

// runc enters the container's cgroup, executes itself again there, and becomes the program at last.
TEST_F(WhoCollectorsTest, WhatARuntimeDoesInAContainersCgroupIsTheHostsWork) {
  const std::string id(64, 'a');
  const std::string path = "/libpod_parent/libpod-" + id;
  const std::string label = "{container_id=\"podman://" + id + "\"";
  WhoWorld world;
  world.Scan({SnapshotOf(1, "init")}, {Comm("init", "/init.scope")});
  world.Fork(2, 1);
  world.Exec(2, Comm("runc", "/session"));
  world.Fork(3, 2);
  ProcessFacts copy = Comm("exe", path);
  copy.sets_up_container = true;
  world.Exec(3, copy);
  world.Fork(4, 3);
  world.Exit(3);
  world.Exec(4, Comm("app", path));
  world.Exit(4, 3 << 8);

  EXPECT_EQ(world.Number("cnproc_container_execs_total" + label + "}"), 1);
  EXPECT_EQ(world.Number("cnproc_container_exits_total" + label + ",outcome=\"error\"}"), 1);
  EXPECT_EQ(world.Number("cnproc_container_exits_total" + label + ",outcome=\"success\"}"), 0);
}

}  // namespace
}  // namespace cnproc
