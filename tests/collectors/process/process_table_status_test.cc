// SPDX-License-Identifier: Apache-2.0
// Given the ends of a process' threads in the order in which the kernel tells them, then the status
// is what wait(2) says. Statuses: 29440 = _exit(115), 23808 = _exit(93), 6 = SIGABRT, 134 = SIGABRT
// with a core.
#include <gtest/gtest.h>

#include "tests/collectors/process/scenario.h"

namespace cnproc {
namespace {

using ProcessTableStatusTest = CompleteTableTest;

// The leader joined its threads, which had been preempted on their last steps.
TEST_F(ProcessTableStatusTest, ALeaderThatExitsAfterItsThreadsMayBeToldFirst) {
  Play(R"(
    fork 1 -> 10      | forked 10 by 1
    thread 10:11      | thread of 10
    thread 10:12      | thread of 10
    exit 10 29440     | thread exit of 10
    exit 10:11 0      | thread exit of 10
    exit 10:12 0      | ended 10 with 29440 after 5 ms
  )");
}

TEST_F(ProcessTableStatusTest, TheRecordOfWhoEnteredLastSaysTheSame) {
  Play(R"(
    fork 1 -> 10         | forked 10 by 1
    thread 10:11         | thread of 10
    exit 10 29440 last   | thread exit of 10
    exit 10:11 0 @30     | ended 10 with 29440 after 30003 ms
  )");
}

// pthread_exit in main, then exit(93) elsewhere.
TEST_F(ProcessTableStatusTest, ALeaderThatEndedByItselfMayBeToldLast) {
  Play(R"(
    fork 1 -> 10         | forked 10 by 1
    thread 10:11         | thread of 10
    exit 10:11 23808     | thread exit of 10
    exit 10 0            | ended 10 with 23808 after 3 ms
    fork 1 -> 20         | forked 20 by 1
    thread 20:21         | thread of 20
    exit 20:21 23808 last| thread exit of 20
    exit 20 0            | ended 20 with 23808 after 3 ms
  )");
}

TEST_F(ProcessTableStatusTest, ACoreDumpIsTheStatusOfAll) {
  Play(R"(
    fork 1 -> 10      | forked 10 by 1
    thread 10:11      | thread of 10
    thread 10:12      | thread of 10
    core 10           |
    exit 10 6         | thread exit of 10
    exit 10:11 0      | thread exit of 10
    exit 10:12 0 last | ended 10 with 6 after 6 ms
  )");
}

// They waited for the core in do_exit, with the code that they had come with.
TEST_F(ProcessTableStatusTest, ThreadsOfADumpingProcessDoNotCarryTheBitOfTheCore) {
  Play(R"(
    fork 1 -> 10          | forked 10 by 1
    thread 10:11          | thread of 10
    thread 10:12          | thread of 10
    core 10:11            |
    exit 10:11 134        | thread exit of 10
    exit 10 6             | thread exit of 10
    exit 10:12 6 last     | ended 10 with 134 after 6 ms
    fork 1 -> 20          | forked 20 by 1
    thread 20:21          | thread of 20
    exit 20:21 134        | thread exit of 20
    exit 20 6             | ended 20 with 134 after 3 ms
  )");
}

TEST_F(ProcessTableStatusTest, ACoreDumpOfOneThreadIsTheStatus) {
  Play(R"(
    fork 1 -> 10      | forked 10 by 1
    core 10           |
    exit 10 134       | ended 10 with 134 after 2 ms
  )");
}

// SYS_exit(21) in one thread, SYS_exit(22) in the other: whoever entered do_exit last, says the
// record; else the newest.
TEST_F(ProcessTableStatusTest, OfTwoCodesTheOneOfWhoEnteredLastCounts) {
  Play(R"(
    fork 1 -> 10         | forked 10 by 1
    thread 10:11         | thread of 10
    exit 10:11 5376 last | thread exit of 10
    exit 10 5632         | ended 10 with 5376 after 3 ms
    fork 1 -> 20         | forked 20 by 1
    thread 20:21         | thread of 20
    exit 20:21 5376      | thread exit of 20
    exit 20 5632         | ended 20 with 5632 after 3 ms
    fork 1 -> 30         | forked 30 by 1
    thread 30:31         | thread of 30
    exit 30:31 5376      | thread exit of 30
    exit 30 5632 ~2      | ended 30 with 5376 after 1 ms
  )");
}

TEST_F(ProcessTableStatusTest, AThreadThatFailedAloneDoesNotMarkTheProcess) {
  Play(R"(
    fork 1 -> 10      | forked 10 by 1
    thread 10:11      | thread of 10
    thread 10:12      | thread of 10
    exit 10:11 31     | thread exit of 10
    exit 10:12 0 @2   | thread exit of 10
    exit 10 0         | ended 10 with 0 after 2005 ms
    fork 1 -> 20      | forked 20 by 1
    thread 20:21      | thread of 20
    exit 20:21 31     | thread exit of 20
    exit 20 0 last    | ended 20 with 0 after 3 ms
  )");
}

// On its way out when the leader called exit_group, it entered do_exit after it.
TEST_F(ProcessTableStatusTest, WhoEnteredLastByItselfDoesNotHideTheLeadersCode) {
  Play(R"(
    fork 1 -> 10      | forked 10 by 1
    thread 10:11      | thread of 10
    exit 10 29440     | thread exit of 10
    exit 10:11 0 last | ended 10 with 29440 after 3 ms
  )");
}

TEST_F(ProcessTableStatusTest, AnExecForgetsTheThreadsOfBefore) {
  Play(R"(
    fork 1 -> 10      | forked 10 by 1
    thread 10:11      | thread of 10
    thread 10:12      | thread of 10
    exit 10:12 5376   | thread exit of 10
    exit 10 0         | thread exit of 10
    exec 10           | execed 10
    thread 10:13      | thread of 10
    exit 10:13 0      | thread exit of 10
    exit 10 0         | ended 10 with 0 after 8 ms
  )");
}

TEST_F(ProcessTableStatusTest, WhatIsKnownOfAnEndedProcessIsNotItsSuccessors) {
  Play(R"(
    fork 1 -> 10      | forked 10 by 1
    thread 10:11      | thread of 10
    exit 10 29440     | thread exit of 10
    exit 10:11 0      | ended 10 with 29440 after 3 ms
    fork 1 -> 10      | forked 10 by 1
    thread 10:11      | thread of 10
    exit 10 0         | thread exit of 10
    exit 10:11 0      | ended 10 with 0 after 3 ms
  )");
}

TEST(ProcessTableStatusAtStartTest, ExitsThatAreHeldBackTellTheStatusToo) {
  Scenario scenario;
  scenario.Play(R"(
    exit 10 29440  | appeared 10 at start
    scan           |
    exit 10:11 0   | thread exit of 10
    reconcile      | ended 10 with 29440 after unknown time
  )");
}

}  // namespace
}  // namespace cnproc
