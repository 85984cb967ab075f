// SPDX-License-Identifier: Apache-2.0
// The kernel gives an id back before it sends the EXIT event of the task that had it: the FORK of
// the next one can come first.
#include <gtest/gtest.h>

#include "tests/collectors/process/scenario.h"

namespace cnproc {
namespace {

using ProcessTableReuseTest = CompleteTableTest;

TEST_F(ProcessTableReuseTest, AnExitFromBeforeTheForkIsTheFormerHolders) {
  Play(R"(
    fork 1 -> 10       | forked 10 by 1
    fork 1 -> 10       | forked 10 by 1
  )");
  EXPECT_EQ(table().processes(), 3u) << "1 and both, until the first one's end is told";
  Play(R"(
    exit 10 512 ~2     | ended 10 with 512 after 0 ms
    exec 10            | execed 10
    exit 10 0          | ended 10 with 0 after 3 ms
    time @5            |
  )");
  EXPECT_EQ(table().processes(), 1u);
}

// The event is made some instructions after the id was given back.
TEST_F(ProcessTableReuseTest, AnExitOfWhoWasReapedMayBeLaterThanTheFork) {
  Play(R"(
    fork 1 -> 10       | forked 10 by 1
    fork 1 -> 10       | forked 10 by 1
    exit 10 512        | ended 10 with 512 after 2 ms
    exit 10 0          | ended 10 with 0 after 2 ms
  )");
  EXPECT_EQ(table().processes(), 1u);
}

TEST_F(ProcessTableReuseTest, WhoWasNotReapedHasItsIdStill) {
  Play(R"(
    fork 1 -> 10         | forked 10 by 1
    fork 1 -> 10         | forked 10 by 1
    exit 10 0 unreaped   | ended 10 with 0 after 1 ms
    exit 10 512          | ended 10 with 512 after 3 ms
  )");
  EXPECT_EQ(table().processes(), 1u);
}

// The next one can have lived its whole life before the first one's event is sent.
TEST_F(ProcessTableReuseTest, WhicheverEndIsToldFirstBothEnd) {
  Play(R"(
    fork 1 -> 10       | forked 10 by 1
    fork 1 -> 10       | forked 10 by 1
    exit 10 0          | ended 10 with 0 after 2 ms
    exit 10 512 ~3     | ended 10 with 512 after 0 ms
    time @5            |
  )");
  EXPECT_EQ(table().processes(), 1u);
}

// Its own end was lost, then.
TEST_F(ProcessTableReuseTest, ALateExitIsTheHolders) {
  Play(R"(
    fork 1 -> 10       | forked 10 by 1
    fork 1 -> 10       | forked 10 by 1
    exit 10 512 @1     | ended 10 with 512 after 1001 ms
    time               | vanished 10
  )");
}

TEST_F(ProcessTableReuseTest, AnIdCanChangeHandsTwice) {
  Play(R"(
    fork 1 -> 10       | forked 10 by 1
    fork 1 -> 10       | forked 10 by 1
    fork 1 -> 10       | forked 10 by 1
    exit 10 1 ~2       | ended 10 with 1 after 1 ms
    exit 10 2 ~3       | ended 10 with 2 after 0 ms
    exit 10 3          | ended 10 with 3 after 3 ms
  )");
  EXPECT_EQ(table().processes(), 1u);
}

TEST_F(ProcessTableReuseTest, WhoseEndIsNotToldInTimeHasVanished) {
  Play(R"(
    fork 1 -> 10       | forked 10 by 1
    fork 1 -> 10 @5    | forked 10 by 1
    time               |
    time @1            | vanished 10
    exit 10 7 ~2000    | thread exit of ?
    exit 10 0          | ended 10 with 0 after 1004 ms
  )");
}

TEST_F(ProcessTableReuseTest, TheFormerHolderKeepsItsStatus) {
  Play(R"(
    fork 1 -> 10         | forked 10 by 1
    thread 10:11         | thread of 10
    exit 10 29440        | thread exit of 10
    fork 1 -> 10         | forked 10 by 1
    exit 10:11 0 ~2      | ended 10 with 29440 after 2 ms
    exit 10 0            | ended 10 with 0 after 2 ms
  )");
  EXPECT_EQ(table().threads(), 1u);
}

TEST_F(ProcessTableReuseTest, AProcessIdThatIsAThreadsNow) {
  Play(R"(
    fork 1 -> 10         | forked 10 by 1
    fork 1 -> 20         | forked 20 by 1
    thread 20:10         | thread of 20
    exit 10 512          | ended 10 with 512 after 3 ms
    exit 20:10 0         | thread exit of 20
    exit 20 0            | ended 20 with 0 after 4 ms
  )");
}

TEST_F(ProcessTableReuseTest, AThreadIdThatIsAProcessNow) {
  Play(R"(
    fork 1 -> 10         | forked 10 by 1
    thread 10:11         | thread of 10
    exit 10 0            | thread exit of 10
    fork 1 -> 11         | forked 11 by 1
    exit 10:11 512 ~2    | ended 10 with 512 after 2 ms
    exit 11 0            | ended 11 with 0 after 2 ms
  )");
}

// One tid that moves between processes at once, whose leaders ended first.
TEST_F(ProcessTableReuseTest, AThreadIdThatIsAnotherProcessThreadNow) {
  Play(R"(
    fork 1 -> 10         | forked 10 by 1
    fork 1 -> 20         | forked 20 by 1
    thread 10:50         | thread of 10
    exit 10 5632         | thread exit of 10
    thread 20:50         | thread of 20
    exit 20 5632         | thread exit of 20
    exit 10:50 5376 ~2   | ended 10 with 5376 after 4 ms
    exit 20:50 5376      | ended 20 with 5376 after 6 ms
  )");
  EXPECT_EQ(table().processes(), 1u);
}

TEST_F(ProcessTableReuseTest, AThreadIdThatIsAThreadOfTheSameProcessAgain) {
  Play(R"(
    fork 1 -> 10         | forked 10 by 1
    thread 10:11         | thread of 10
    thread 10:11         | thread of 10
    exit 10:11 0 ~2      | thread exit of 10
    exit 10 0            | thread exit of 10
    exit 10:11 0         | ended 10 with 0 after 5 ms
  )");
}

TEST_F(ProcessTableReuseTest, AThreadWhoseEndIsNotToldInTimeIsNotWaitedFor) {
  Play(R"(
    fork 1 -> 10         | forked 10 by 1
    thread 10:11         | thread of 10
    exit 10 0            | thread exit of 10
    fork 1 -> 11         | forked 11 by 1
    time @2              | vanished 10
    exit 10:11 0 ~2002   | thread exit of ?
  )");
  EXPECT_EQ(table().processes(), 2u);
}

TEST_F(ProcessTableReuseTest, AnExecEndsTheWaitForItsThreads) {
  Play(R"(
    fork 1 -> 10         | forked 10 by 1
    thread 10:11         | thread of 10
    fork 1 -> 11         | forked 11 by 1
    exec 10              | execed 10
    exit 10 0            | ended 10 with 0 after 4 ms
  )");
}

TEST_F(ProcessTableReuseTest, AnEscalationIsTheFormerHolders) {
  Play(R"(
    fork 1 -> 10         | forked 10 by 1
    uid 10 1000/1000     | uid of 10
    uid 10 1000/0        | uid of 10 escalated
    fork 1 -> 10         | escalation of 10, forked 10 by 1
    exec 10              | execed 10
  )");
}

// A scan that was ahead of the FORK event has shown the child itself, not a former holder.
TEST_F(ProcessTableReuseTest, WhatAScanHasJustSeenIsNotWaitedFor) {
  Play(R"(
    scan                 |
    seen 1               |
    seen 10              |
    reconcile            | appeared 10
    fork 1 -> 10         | vanished 10, forked 10 by 1
    exit 10 0            | ended 10 with 0 after 1 ms
  )");
}

TEST_F(ProcessTableReuseTest, AThreadThatAScanHasJustSeenIsTheForkedOne) {
  Play(R"(
    fork 1 -> 10         | forked 10 by 1
    scan                 |
    seen 1               |
    seen 10 +11          |
    reconcile            |
    thread 10:11         | thread of 10
    exit 10:11 0         | thread exit of 10
    exit 10 0            | ended 10 with 0 after 7 ms
  )");
}

TEST_F(ProcessTableReuseTest, OnlySoManyAreWaitedFor) {
  for (int i = 0; i < 2000; ++i) {
    Play(i == 0     ? "fork 1 -> 10 | forked 10 by 1"
         : i < 1025 ? "fork 1 -> 10 | forked 10 by 1"
                    : "fork 1 -> 10 | vanished 10, forked 10 by 1");
  }
  EXPECT_EQ(table().processes(), 2u + 1024u);
}

// Given a start of another clock that lies after the end, then no lifetime is negative.
TEST_F(ProcessTableReuseTest, AStartAfterTheEndIsNoStart) {
  Play(R"(
    scan                 |
    seen 1               |
    seen 10              |
    seen-ahead 20        |
    reconcile            | appeared 10, appeared 20
    exit 10 0 ~40        | ended 10 with 0 after 0 ms
    exit 20 0            | ended 20 with 0 after unknown time
  )");
}

}  // namespace
}  // namespace cnproc
