// SPDX-License-Identifier: Apache-2.0
// What processes use, by whom: samples of the living, exit records of the ended, nothing twice.
#include <gtest/gtest.h>

#include "tests/collectors/who_world.h"

namespace cnproc {
namespace {

constexpr int64_t kSecondUs = 1'000'000;

class UsageTest : public testing::Test {
 protected:
  UsageTest() { world_.Scan({SnapshotOf(1, "init")}, {Comm("init", "/init.scope")}); }

  void Start(pid_t pid, const std::string& comm) {
    world_.Fork(pid, 1);
    world_.Exec(pid, Comm(comm, "/system.slice/" + comm + ".service"));
  }
  double User(const std::string& program) const {
    return world_.Number("cnproc_program_cpu_seconds_total{mode=\"user\",program=\"" + program +
                         "\"}");
  }
  double System(const std::string& program) const {
    return world_.Number("cnproc_program_cpu_seconds_total{mode=\"system\",program=\"" + program +
                         "\"}");
  }
  double Corrections() const { return world_.Number("cnproc_usage_corrections_total{}"); }

  WhoWorld world_{{.collectors = {"program", "unit", "container", "taskstats", "usage"}}};
};

TEST_F(UsageTest, TheLivingAreToldByTheirLatestSample) {
  Start(10, "app");
  world_.Sample(10, {.user_us = 3 * kSecondUs, .system_us = kSecondUs});
  EXPECT_EQ(User("app"), 3);
  EXPECT_EQ(System("app"), 1);
  EXPECT_EQ(world_.Number("cnproc_unit_cpu_seconds_total{mode=\"user\",unit=\"app.service\"}"), 3);
  world_.Sample(10, {.user_us = 5 * kSecondUs, .system_us = kSecondUs});
  EXPECT_EQ(User("app"), 5);
  EXPECT_EQ(System("app"), 1);
  EXPECT_EQ(User("init"), 0);
}

TEST_F(UsageTest, AtTheEndTheExitRecordsOfAllThreadsReplaceTheSamples) {
  Start(10, "app");
  world_.ForkThread(11, 10);
  world_.Sample(10, {.user_us = 3 * kSecondUs, .system_us = kSecondUs});
  world_.ExitThread(11, 10, 0, RecordOf(11, "app", 4 * kSecondUs));
  EXPECT_EQ(User("app"), 3) << "it may be in the sample already";
  world_.Exit(10, 0, RecordOf(10, "app", 2 * kSecondUs, 3 * kSecondUs));
  EXPECT_EQ(User("app"), 6);
  EXPECT_EQ(System("app"), 3);
  EXPECT_EQ(Corrections(), 0);
}

TEST_F(UsageTest, WhoWasNeverSampledIsToldByItsRecordAlone) {
  Start(10, "app");
  world_.Exit(10, 0, RecordOf(10, "app", 4000, 1000));
  EXPECT_EQ(User("app"), 0.004);
  EXPECT_EQ(System("app"), 0.001);
}

TEST_F(UsageTest, ARecordBelowTheLastSampleTakesNothingBack) {
  Start(10, "app");
  world_.Sample(10, {.user_us = 3 * kSecondUs, .system_us = kSecondUs});
  world_.Exit(10, 0, RecordOf(10, "app", 2 * kSecondUs, kSecondUs));
  EXPECT_EQ(User("app"), 3);
  EXPECT_EQ(System("app"), 1);
  EXPECT_EQ(Corrections(), 1);
}

TEST_F(UsageTest, ARecordThatDividesModesOtherwiseTakesNothingBackEither) {
  Start(10, "app");
  world_.Sample(10, {.user_us = 3 * kSecondUs, .system_us = kSecondUs});
  world_.Exit(10, 0, RecordOf(10, "app", 2 * kSecondUs, 3 * kSecondUs));
  EXPECT_EQ(User("app"), 3);
  EXPECT_EQ(System("app"), 2);
  EXPECT_EQ(Corrections(), 0);
}

TEST_F(UsageTest, ASampleThatIsOlderThanTheLatestChangesNothing) {
  Start(10, "app");
  world_.Sample(10, {.user_us = 3 * kSecondUs, .system_us = 0});
  world_.Sample(10, {.user_us = 2 * kSecondUs, .system_us = 0});
  world_.Sample(10, {.user_us = 4 * kSecondUs, .system_us = 0});
  EXPECT_EQ(User("app"), 4);
}

TEST_F(UsageTest, WithoutARecordTheLastSampleStays) {
  Start(10, "app");
  world_.Sample(10, {.user_us = 3 * kSecondUs, .system_us = 0});
  world_.Exit(10);
  EXPECT_EQ(User("app"), 3);
  // And the next of that id begins anew.
  Start(10, "app");
  world_.Sample(10, {.user_us = kSecondUs, .system_us = 0});
  EXPECT_EQ(User("app"), 4);
}

TEST_F(UsageTest, WhatWasSampledBeforeAnExecIsTheFormerPrograms) {
  Start(10, "before");
  world_.Sample(10, {.user_us = 3 * kSecondUs, .system_us = 0});
  world_.Exec(10, Comm("after"));
  world_.Sample(10, {.user_us = 4 * kSecondUs, .system_us = 0});
  world_.Exit(10, 0, RecordOf(10, "after", 6 * kSecondUs));
  EXPECT_EQ(User("before"), 3);
  EXPECT_EQ(User("after"), 3);
}

TEST_F(UsageTest, WhatWasUsedBeforeTheExporterBeganIsNobodys) {
  // Given a scan that found who had used 100 s by then
  WhoWorld world({.collectors = {"program", "taskstats", "usage"}});
  ProcessSnapshot old = SnapshotOf(10, "old");
  old.start_ns = -1000;
  old.use = {.user_us = 100 * kSecondUs, .system_us = 0};
  ProcessSnapshot ends = old;
  ends.tgid = 11;
  world.Scan({old, ends}, {Comm("old"), Comm("old")});
  const std::string series = "cnproc_program_cpu_seconds_total{mode=\"user\",program=\"old\"}";
  EXPECT_EQ(world.Number(series), 0);
  world.Sample(10, {.user_us = 101 * kSecondUs, .system_us = 0}, -1000);
  EXPECT_EQ(world.Number(series), 1);
  world.Exit(11, 0, RecordOf(11, "old", 102 * kSecondUs));
  EXPECT_EQ(world.Number(series), 3);
}

TEST_F(UsageTest, OfOneThatOnlyAnEventToldOfTheFirstSampleIsTheBeginning) {
  // Given a process that lived before and that the scan has not told yet
  WhoWorld world({.collectors = {"program", "taskstats", "usage"}});
  world.BeginScan();
  world.ForkThread(11, 10);
  ProcessSnapshot old = SnapshotOf(10, "old");
  old.start_ns = -1000;
  old.other_threads = {11};
  old.use = {.user_us = 100 * kSecondUs, .system_us = 0};
  world.EndScan({old}, {Comm("old")});
  const std::string series = "cnproc_program_cpu_seconds_total{mode=\"user\",program=\"old\"}";
  EXPECT_EQ(world.Number(series), 0);
  world.Sample(10, {.user_us = 103 * kSecondUs, .system_us = 0}, -1000);
  EXPECT_EQ(world.Number(series), 3);
}

TEST_F(UsageTest, OneWhoseForkWasLostBeginsAtItsFork) {
  ProcessSnapshot lost = SnapshotOf(10, "lost");
  lost.start_ns = 1'000'000;
  lost.use = {.user_us = 2 * kSecondUs, .system_us = 0};
  world_.Scan({SnapshotOf(1, "init"), lost}, {Comm("init"), Comm("lost")});
  EXPECT_EQ(User("lost"), 2);
}

TEST_F(UsageTest, ASampleOfTheNextWithThatIdIsNobodys) {
  Start(10, "app");
  world_.Sample(10, {.user_us = 7 * kSecondUs, .system_us = 0}, world_.now_ns() + kSecondUs * 1000);
  EXPECT_EQ(User("app"), 0);
  world_.Sample(4711, {.user_us = 7 * kSecondUs, .system_us = 0});
  EXPECT_EQ(world_.Number("cnproc_program_cpu_seconds_total{mode=\"user\",program=\"init\"}"), 0);
}

TEST_F(UsageTest, WhoHasNoNameYetIsToldUnderTheOneItGets) {
  world_.Fork(10, 1);
  world_.Exec(10, std::nullopt);
  world_.Sample(10, {.user_us = 3 * kSecondUs, .system_us = 0});
  world_.Exit(10, 0, RecordOf(10, "late", 4 * kSecondUs));
  EXPECT_EQ(User("late"), 4);
}

TEST_F(UsageTest, WithoutExitRecordsItWorks) {
  WhoWorld world({.records_expected = false, .collectors = {"program", "taskstats", "usage"}});
  EXPECT_EQ(world.Number("cnproc_scrape_collector_success{collector=\"taskstats\"}"), 0);
  EXPECT_EQ(world.Number("cnproc_scrape_collector_success{collector=\"usage\"}"), 1);
}

}  // namespace
}  // namespace cnproc
