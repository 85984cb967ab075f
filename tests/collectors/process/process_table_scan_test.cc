// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "collectors/process/process_table.h"
#include "tests/collectors/process/scenario.h"

namespace cnproc {
namespace {

using ProcessTableScanTest = CompleteTableTest;

TEST_F(ProcessTableScanTest, AScanShowsWhatWasMissed) {
  Play(R"(
    fork 1 -> 10 | forked 10 by 1
    fork 1 -> 11 | forked 11 by 1
    scan         |
    seen 1       |
    seen 11      |
    seen 12 +13  |
    reconcile    | appeared 12, vanished 10
  )");
  EXPECT_EQ(table().processes(), 3u);
  EXPECT_EQ(table().threads(), 4u);
}

TEST_F(ProcessTableScanTest, AScanKnowsAReusedIdByItsLaterStart) {
  Play(R"(
    fork 1 -> 10     | forked 10 by 1
    scan          @5 |
    seen 1           |
    seen-late 10     |
    reconcile        | vanished 10, appeared 10
  )");
}

TEST_F(ProcessTableScanTest, AfterASleepOfTheMachineAnEarlierStartIsTheSameProcess) {
  Play(R"(
    fork 1 -> 10     | forked 10 by 1
    scan             |
    seen 1           |
    seen 10          |
    reconcile        |
    exit 10 0        | ended 10 with 0 after 5 ms
  )");
}

TEST_F(ProcessTableScanTest, WhatHappensDuringAScanIsNoNews) {
  Play(R"(
    fork 1 -> 10  | forked 10 by 1
    fork 1 -> 11  | forked 11 by 1
    scan          |
    seen 1        |
    seen 10       |
    exit 10 0     | ended 10 with 0 after 5 ms
    fork 1 -> 12  | forked 12 by 1
    exec 11       | execed 11
    reconcile     |
  )");
  EXPECT_EQ(table().processes(), 3u);
}

TEST_F(ProcessTableScanTest, AScanMendsTheThreads) {
  Play(R"(
    fork 1 -> 10        | forked 10 by 1
    thread 10:11        | thread of 10
    thread 10:12        | thread of 10
    scan                |
    seen 1              |
    seen-zombie 10 +12 +13 +14 |
    exit 10:14 0        | thread exit of 10
    thread 10:15        | thread of 10
    reconcile           |
  )");
  EXPECT_EQ(table().threads(), 4u) << "1, 12, 13, 15";
  Play(R"(
    exit 10:12 0 | thread exit of 10
    exit 10:13 0 | thread exit of 10
    exit 10:15 7 | ended 10 with 7 after 11 ms
  )");
}

TEST(ProcessTableStartTest, EventsBeforeTheFirstScanAreOfTheStart) {
  Scenario scenario;
  scenario.Play(R"(
    scan           |
    seen 1         |
    exec 20        | appeared 20 at start, execed 20
    fork 20 -> 21  | forked 21 by 20
    exit 30 0      | appeared 30 at start
    seen 20        |
    reconcile      | appeared 1 at start, ended 30 with 0 after unknown time
    exit 40 0      | appeared 40, ended 40 with 0 after unknown time
  )");
  EXPECT_EQ(scenario.table().processes(), 3u);
}

TEST(ProcessTableStartTest, AThreadThatHasTheIdOfAProcessShowsThatItsEndWasMissed) {
  Scenario scenario;
  scenario.Play(R"(
    scan           |
    seen 1         |
    seen 10        |
    reconcile      | appeared 1 at start, appeared 10 at start
    thread 1:10    | vanished 10, thread of 1
    exit 1:10 0    | thread exit of 1
  )");
  EXPECT_EQ(scenario.table().processes(), 1u);
}

TEST_F(ProcessTableScanTest, AnExecByANonLeaderDuringAScanLeavesNoThreadOfBefore) {
  Play(R"(
    scan           |
    seen 1         |
    seen 10 +11 +12|
    exit 10:11 0   | thread exit of ?
    exec 10        | appeared 10, execed 10
    reconcile      |
    exit 10 0      | ended 10 with 0 after 5 ms
  )");
  EXPECT_EQ(table().processes(), 1u);
  EXPECT_EQ(table().threads(), 1u);
}

TEST_F(ProcessTableScanTest, AThreadThatMovedToAnotherProcessUnseenIsThere) {
  Play(R"(
    fork 1 -> 10    | forked 10 by 1
    fork 1 -> 20    | forked 20 by 1
    thread 10:50    | thread of 10
    scan            |
    seen 1          |
    seen 10         |
    seen 20 +50     |
    reconcile       |
    exit 20 0       | thread exit of 20
    exit 20:50 7    | ended 20 with 7 after 8 ms
  )");
}

TEST_F(ProcessTableScanTest, AReusedIdWhoseNewProcessHasTheOldOnesThreadKeepsIt) {
  Play(R"(
    fork 1 -> 10     | forked 10 by 1
    thread 10:11     | thread of 10
    scan          @5 |
    seen 1           |
    seen-late 10 +11 |
    reconcile        | vanished 10, appeared 10
  )");
  EXPECT_EQ(table().threads(), 3u);
}

TEST_F(ProcessTableScanTest, AReusedIdIsKnownByItsStartEvenIfItExecedMeanwhile) {
  Play(R"(
    fork 1 -> 10     | forked 10 by 1
    scan          @5 |
    exec 10          | execed 10
    seen 1           |
    seen-late 10     |
    reconcile        |
    exit 10 0        | ended 10 with 0 after 3 ms
  )");
}

TEST_F(ProcessTableScanTest, AReusedIdKeepsTheThreadsThatEventsToldOf) {
  Play(R"(
    fork 1 -> 10     | forked 10 by 1
    thread 10:11     | thread of 10
    scan          @5 |
    exec 10          | execed 10
    thread 10:12     | thread of 10
    seen 1           |
    seen-late 10     |
    reconcile        |
    exit 10 0        | thread exit of 10
    exit 10:12 3     | ended 10 with 3 after 4 ms
  )");
}

TEST_F(ProcessTableScanTest, TheIdOfAnEndedThreadCanBeAProcess) {
  Play(R"(
    scan           |
    exit 10:50 0   | thread exit of ?
    fork 9 -> 50   | appeared 9, forked 50 by 9
    seen 1         |
    seen 50        |
    reconcile      | vanished 9
  )");
  EXPECT_EQ(table().Find(50)->real_uid, 0U) << "what the scan saw is taken";
}

TEST_F(ProcessTableScanTest, WhatTheScanSawOfOneThatEndedIsNotItsSuccessors) {
  Play(R"(
    fork 1 -> 10  | forked 10 by 1
    scan          |
    seen 1        |
    seen 10 +11   |
    exit 10 0     | ended 10 with 0 after 4 ms
    fork 9 -> 10  | appeared 9, forked 10 by 9
    reconcile     | vanished 9
  )");
  EXPECT_EQ(table().threads(), 2u) << "1 and 10: 11 was the old one's";
}

TEST_F(ProcessTableScanTest, AProcessThatHasTheIdOfAThreadShowsThatItsExitWasMissed) {
  Play(R"(
    fork 1 -> 40  | forked 40 by 1
    thread 40:50  | thread of 40
    scan          |
    exec 50       | appeared 50, execed 50
    seen 1        |
    seen 40       |
    seen 50       |
    reconcile     |
    exit 50 0     | ended 50 with 0 after 3 ms
    exit 40 0     | ended 40 with 0 after 9 ms
  )");
}

TEST_F(ProcessTableScanTest, AProcessWhoseLastThreadEndedBeforeItWasKnownDoesNotStay) {
  Play(R"(
    scan                |
    seen 1              |
    seen-zombie 10 +11  |
    exit 10:11 0        | thread exit of ?
    reconcile           | appeared 10, vanished 10
  )");
}

// Before the first scan is done, of whom only events told it is not known which threads it has.
using ProcessTableFirstScanTest = ScenarioTest;

TEST_F(ProcessTableFirstScanTest, TheExitOfALeaderIsNoEndWhereThreadsRemain) {
  Play(R"(
    scan           |
    exit 10 5      | appeared 10 at start
    seen-zombie 10 +11 |
    reconcile      | thread exit of 10
    exit 10:11 7   | ended 10 with 7 after 3 ms
  )");
}

TEST_F(ProcessTableFirstScanTest, TheLastExitCarriesTheStatus) {
  Play(R"(
    exit 10 5      | appeared 10 at start
    scan           |
    exit 10:11 7   | thread exit of 10
    reconcile      | ended 10 with 7 after unknown time
  )");
  EXPECT_EQ(table().processes(), 0u);
}

TEST_F(ProcessTableFirstScanTest, AnExecByANonLeaderIsNoEnd) {
  Play(R"(
    scan           |
    seen 10 +11 +12|
    exit 10:11 0   | thread exit of ?
    exit 10 0      | appeared 10 at start
    exec 10        | thread exit of 10, execed 10
    reconcile      |
    exit 10 3      | ended 10 with 3 after 6 ms
  )");
  EXPECT_EQ(table().processes(), 0u);
  EXPECT_EQ(table().threads(), 0u);
}

TEST_F(ProcessTableFirstScanTest, AThreadThatANewThreadIsForkedByKeepsTheProcess) {
  Play(R"(
    scan           |
    seen 10 +11    |
    exit 10 0      | appeared 10 at start
    thread 10:12   | thread of 10
    exit 10:12 0   | thread exit of 10
    reconcile      | thread exit of 10
    exit 10:11 4   | ended 10 with 4 after 6 ms
  )");
}

TEST_F(ProcessTableFirstScanTest, AnIdThatIsAThreadsNowShowsThatTheExitWasTheEnd) {
  Play(R"(
    exit 10 5      | appeared 10 at start
    thread 1:10    | ended 10 with 5 after unknown time, appeared 1 at start, thread of 1
  )");
}

TEST_F(ProcessTableFirstScanTest, ALeaderThatLivesAfterItsExitIsAnExecToCome) {
  Play(R"(
    exit 10 0      | appeared 10 at start
    scan           |
    seen 10        |
    reconcile      | thread exit of 10
    exec 10        | execed 10
    exit 10 3      | ended 10 with 3 after 4 ms
  )");
}

TEST_F(ProcessTableFirstScanTest, AnIdForkedAnewShowsThatTheExitWasTheEnd) {
  Play(R"(
    scan           |
    exit 10 5      | appeared 10 at start
    fork 1 -> 10   | appeared 1 at start, ended 10 with 5 after unknown time, forked 10 by 1
    reconcile      | vanished 1 at start
    exit 10 0      | ended 10 with 0 after 2 ms
  )");
}

}  // namespace
}  // namespace cnproc
