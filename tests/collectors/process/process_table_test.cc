// SPDX-License-Identifier: Apache-2.0
#include "collectors/process/process_table.h"

#include <gtest/gtest.h>

#include "tests/collectors/process/scenario.h"

namespace cnproc {
namespace {

using ProcessTableTest = CompleteTableTest;

TEST_F(ProcessTableTest, AProcessForksExecsAndEnds) {
  Play(R"(
    fork 1 -> 10 | forked 10 by 1
    exec 10      | execed 10
    exit 10 512  | ended 10 with 512 after 2 ms
  )");
  EXPECT_EQ(table().processes(), 1u);
}

TEST_F(ProcessTableTest, AProcessEndsWithItsLastThread) {
  Play(R"(
    fork 1 -> 10   | forked 10 by 1
    thread 10:11   | thread of 10
    thread 10:12   | thread of 10
    exit 10:11 0   | thread exit of 10
    exit 10:12 0   | thread exit of 10
    exit 10 0      | ended 10 with 0 after 5 ms
  )");
  EXPECT_EQ(table().threads(), 1u);
}

TEST_F(ProcessTableTest, WhereTheLeaderExitsFirstTheLastThreadCarriesTheStatus) {
  Play(R"(
    fork 1 -> 10    | forked 10 by 1
    thread 10:11    | thread of 10
    exit 10 0       | thread exit of 10
  )");
  EXPECT_EQ(table().processes(), 2u);
  EXPECT_EQ(table().threads(), 2u) << "1 and the thread 11; the leader is a zombie";
  Play("exit 10:11 19712 | ended 10 with 19712 after 3 ms");
  EXPECT_EQ(table().processes(), 1u);
}

TEST_F(ProcessTableTest, ExecByANonLeaderIsNoEnd) {
  Play(R"(
    fork 1 -> 10  | forked 10 by 1
    thread 10:11  | thread of 10
    thread 10:12  | thread of 10
    exit 10:12 0  | thread exit of 10
    exit 10 0     | thread exit of 10
    exec 10       | execed 10
  )");
  EXPECT_EQ(table().threads(), 2u) << "11 lives on as 10 and never exits under its own id";
  Play("exit 10 0   | ended 10 with 0 after 6 ms");
  EXPECT_EQ(table().threads(), 1u);
}

TEST_F(ProcessTableTest, AReusedIdWhoseEndWasMissedIsAnotherProcess) {
  Play(R"(
    fork 1 -> 10       | forked 10 by 1
    fork 1 -> 10 @5    | forked 10 by 1
    time @2            | vanished 10
    exit 10 0          | ended 10 with 0 after 2002 ms
  )");
}

TEST_F(ProcessTableTest, AThreadIdReusedByAProcessLeavesItsOldProcess) {
  Play(R"(
    fork 1 -> 10   | forked 10 by 1
    thread 10:11   | thread of 10
    fork 1 -> 11   | forked 11 by 1
    time @2        |
    exit 10 0      | ended 10 with 0 after 2004 ms
    exit 11 0      | ended 11 with 0 after 2003 ms
  )");
  EXPECT_EQ(table().threads(), 1u);
}

TEST_F(ProcessTableTest, WhatWasNeverSeenToStartAppearsFirst) {
  Play(R"(
    exec 20       | appeared 20, execed 20
    thread 30:31  | appeared 30, thread of 30
    exit 40 0     | appeared 40, ended 40 with 0 after unknown time
    exit 50:51 0  | thread exit of ?
    fork 60 -> 70 | forked 70 by ?
  )");
  EXPECT_EQ(table().processes(), 4u);
}

TEST_F(ProcessTableTest, AnIdleThreadOfANewCpuIsNoProcess) {
  Play("fork 1 -> 0 | thread of ?");
  EXPECT_EQ(table().processes(), 1u);
}

TEST_F(ProcessTableTest, OnlyFromNonZeroToZeroIsAnEscalation) {
  Play(R"(
    fork 1 -> 10      | forked 10 by 1
    uid 10 0/0        | uid of 10
    uid 10 1000/1000  | uid of 10
    uid 10 1000/0     | uid of 10 escalated
    uid 10 0/0        | uid of 10
  )");
}

// The kernel changes the credentials before it tells of the exec.
TEST_F(ProcessTableTest, AnEscalationIsThatOfTheSetUidProgram) {
  Play(R"(
    fork 1 -> 10      | forked 10 by 1
    uid 10 1000/1000  | uid of 10
    uid 10 1000/0     | uid of 10 escalated
    exec 10           | execed 10 escalated
    exec 10           | execed 10
    uid 10 1000/1000  | uid of 10
    uid 10 1000/0     | uid of 10 escalated
    exit 10 0         | escalation of 10, ended 10 with 0 after 7 ms
  )");
}

TEST_F(ProcessTableTest, AChildInheritsItsParentsIds) {
  Play(R"(
    fork 1 -> 10      | forked 10 by 1
    uid 10 1000/1000  | uid of 10
    fork 10 -> 11     | forked 11 by 10
    uid 11 0/0        | uid of 11 escalated
  )");
}

TEST_F(ProcessTableTest, TheIdsOfOtherThreadsAreTheirOwn) {
  Play(R"(
    fork 1 -> 10        | forked 10 by 1
    thread 10:11        | thread of 10
    uid 10 1000/1000    | uid of 10
    uid 10:11 1000/0    |
    gid 10:11 0/0       |
    gid 10 5/5          | gid of 10
  )");
}

TEST_F(ProcessTableTest, AnAttributeOfAnEndedProcessIsToldAndChangesNothing) {
  Play(R"(
    fork 1 -> 10    | forked 10 by 1
    exit 10 0       | ended 10 with 0 after 1 ms
    uid 10 0/0      | uid of ?
    gid 10 0/0      | gid of ?
    sid 10          | session of ?
    attach 10       | attached ?
    detach 10       | detached ?
    comm 10         |
    core 10         |
  )");
  EXPECT_EQ(table().processes(), 1u);
}

TEST(ProcessTableLimitTest, ANewcomerBeyondTheLimitIsGivenUp) {
  Scenario scenario(/*max_tasks=*/3);
  scenario.Play(R"(
    scan          |
    seen 1        |
    reconcile     | appeared 1 at start
    fork 1 -> 10  | forked 10 by 1
    thread 10:11  | thread of 10
    thread 10:12  | thread of 10
    fork 1 -> 13  | forked 13 by 1, vanished 13
    exit 13 0     | appeared 13, ended 13 with 0 after unknown time
    exit 10:12 0  | thread exit of 10
    exit 10:11 0  | thread exit of 10
    exit 10 0     | ended 10 with 0 after 7 ms
  )");
  EXPECT_EQ(scenario.table().evictions(), 2u);
  EXPECT_EQ(scenario.table().processes(), 1u);
}

TEST(ProcessTableLimitTest, ProcessesThatThreadsTellOfAreBoundedToo) {
  Scenario scenario(/*max_tasks=*/3);
  scenario.Play(R"(
    scan          |
    reconcile     |
    thread 10:11  | appeared 10, thread of 10
    thread 20:21  | appeared 20, thread of 20
    thread 30:31  | appeared 30, thread of 30, vanished 30
  )");
  EXPECT_EQ(scenario.table().processes(), 2u);
  EXPECT_EQ(scenario.table().threads(), 3u);
}

TEST(ProcessTableLimitTest, ExitsThatAreHeldBackAreBoundedToo) {
  Scenario scenario(/*max_tasks=*/2);
  scenario.Play(R"(
    exit 10 0     | appeared 10 at start
    exit 20 0     | appeared 20 at start
    exit 30 3     | appeared 30 at start, ended 30 with 3 after unknown time
  )");
  EXPECT_EQ(scenario.table().processes(), 2u);
}

TEST(ProcessTableLimitTest, AScanDuringAStormIsNotRememberedWithoutEnd) {
  Scenario scenario(/*max_tasks=*/3);
  scenario.Play(R"(
    scan          |
    fork 1 -> 10  | appeared 1 at start, forked 10 by 1
    exit 10 0     | ended 10 with 0 after 1 ms
    fork 1 -> 11  | forked 11 by 1
    exit 11 0     | ended 11 with 0 after 1 ms
  )");
  EXPECT_FALSE(scenario.table().scan_is_bounded());
}

}  // namespace
}  // namespace cnproc
