// SPDX-License-Identifier: Apache-2.0
// Given events of processes that the first scan of /proc has not shown yet, then what they did is
// counted on somebody once it has: sums over programs and users are the machine's totals.
#include <gtest/gtest.h>

#include <string>

#include "tests/collectors/who_world.h"

namespace cnproc {
namespace {

constexpr pid_t kServer = 10;
constexpr pid_t kGone = 11;

class StartWindowTest : public testing::Test {
 protected:
  void SetUp() override { world_.BeginScan(); }
  // It finds the server alone: others were forked behind its back, or have ended.
  void EndScan() {
    world_.EndScan({SnapshotOf(kServer, "server", 1000)}, {Comm("server", "/s.slice/s.service")});
  }
  double Number(const std::string& series) const { return world_.Number(series); }
  double Sum(const std::string& metric) const {
    double sum = 0;
    for (const auto& [series, value] : world_.Page()) {
      if (series.rfind(metric + "{", 0) == 0) sum += value;
    }
    return sum;
  }

  WhoWorld world_;
};

TEST_F(StartWindowTest, ForksOfOneThatWasNotKnownAreItsOwnOnceItIs) {
  world_.Fork(20, kServer);
  world_.Fork(21, kServer);
  EndScan();
  EXPECT_EQ(Number("cnproc_program_forks_total{program=\"server\"}"), 2);
  EXPECT_EQ(Number("cnproc_user_forks_total{uid=\"1000\"}"), 2);
}

TEST_F(StartWindowTest, ChildrenBehindTheScansBackAreWhatTheirParentsAre) {
  world_.Fork(20, kServer);
  world_.Fork(21, 20);
  world_.Fork(22, 21);
  EndScan();
  for (const pid_t child : {20, 21, 22}) {
    EXPECT_EQ(world_.Program(child), "server") << child;
    EXPECT_EQ(world_.ValueOf(child, Dimension::kUnit), "s.service") << child;
    EXPECT_EQ(world_.ValueOf(child, Dimension::kUser), "1000") << child;
  }
  EXPECT_EQ(Number("cnproc_program_processes{program=\"server\"}"), 4);
  EXPECT_EQ(Number("cnproc_program_forks_total{program=\"server\"}"), 3);
  EXPECT_EQ(Number("cnproc_user_forks_total{uid=\"1000\"}"), 3);
}

TEST_F(StartWindowTest, AnExecKeepsItsProgramAndItsUserIsKnownLater) {
  world_.Fork(20, kServer);
  world_.Exec(20, Comm("tool", "/s.slice/tool.service"));
  EndScan();
  EXPECT_EQ(world_.Program(20), "tool");
  EXPECT_EQ(world_.ValueOf(20, Dimension::kUnit), "tool.service");
  EXPECT_EQ(Number("cnproc_program_execs_total{program=\"tool\"}"), 1);
  EXPECT_EQ(Number("cnproc_user_execs_total{uid=\"1000\"}"), 1);
}

TEST_F(StartWindowTest, AnExecWhoseNameIsStillToComeIsNotItsParents) {
  world_.Fork(20, kServer);
  world_.Exec(20, ProcessFacts());
  EndScan();
  EXPECT_EQ(world_.Program(20), "");
  world_.Exit(20, 0, RecordOf(20, "tiny"));
  EXPECT_EQ(Number("cnproc_program_execs_total{program=\"tiny\"}"), 1);
}

TEST_F(StartWindowTest, OneThatEndsBeforeTheScanIsToldByItsRecord) {
  world_.Fork(20, kGone);
  ExitRecord record = RecordOf(kGone, "gone");
  record.real_uid = 1001;
  world_.Exit(kGone, 0, record);
  EndScan();
  EXPECT_EQ(Number("cnproc_program_forks_total{program=\"gone\"}"), 1);
  EXPECT_EQ(Number("cnproc_user_forks_total{uid=\"1001\"}"), 1);
}

TEST_F(StartWindowTest, WhatNobodyCanTellIsUnknown) {
  // Given one that ends without a record, and one whose end is never seen
  world_.Fork(20, kGone);
  world_.Exit(kGone);
  world_.Fork(21, 12);
  EndScan();
  EXPECT_EQ(Number("cnproc_program_forks_total{program=\"unknown\"}"), 2);
  EXPECT_EQ(Number("cnproc_user_forks_total{uid=\"unknown\"}"), 2);
  EXPECT_EQ(Sum("cnproc_program_forks_total"), 2);
  EXPECT_EQ(Sum("cnproc_user_forks_total"), 2);
}

}  // namespace
}  // namespace cnproc
