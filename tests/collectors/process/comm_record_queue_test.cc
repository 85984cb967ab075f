// SPDX-License-Identifier: Apache-2.0
#include "collectors/process/comm_record_queue.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace cnproc {
namespace {

constexpr int64_t kMs = 1'000'000;

CommRecord Exec(pid_t tgid, std::string_view comm, int64_t at_ns) {
  CommRecord record;
  record.tgid = record.tid = tgid;
  record.timestamp_ns = at_ns;
  record.is_exec = true;
  comm.copy(record.comm.data(), record.comm.size() - 1);
  return record;
}

class CommRecordQueueTest : public testing::Test {
 protected:
  // The name for the exec whose event has that time, "" if none.
  std::string Take(pid_t tgid, int64_t exec_ns) {
    const std::optional<CommRecord> record = queue_.Take(tgid, exec_ns);
    return record ? std::string(record->name()) : "";
  }

  CommRecordQueue queue_{100, 1000 * kMs};
};

TEST_F(CommRecordQueueTest, EachExecOfAChainHasItsOwnName) {
  // Given two execs of one process, whose records come before either event is applied
  queue_.Push(Exec(7, "sh", 10 * kMs));
  queue_.Push(Exec(7, "worker", 20 * kMs));
  EXPECT_EQ(Take(7, 11 * kMs), "sh");
  EXPECT_EQ(Take(7, 21 * kMs), "worker");
  EXPECT_EQ(queue_.size(), 0u);
}

TEST_F(CommRecordQueueTest, RecordsOfSeveralCpusComeInAnyOrder) {
  queue_.Push(Exec(7, "worker", 20 * kMs));
  queue_.Push(Exec(7, "sh", 10 * kMs));
  EXPECT_EQ(Take(7, 11 * kMs), "sh");
  EXPECT_EQ(Take(7, 21 * kMs), "worker");
}

TEST_F(CommRecordQueueTest, ANameIsGivenOnce) {
  queue_.Push(Exec(7, "sh", 10 * kMs));
  EXPECT_EQ(Take(7, 11 * kMs), "sh");
  EXPECT_EQ(Take(7, 21 * kMs), "") << "whose record was lost: never the name of the exec before";
}

TEST_F(CommRecordQueueTest, ARenameNamesNoProgram) {
  CommRecord rename = Exec(7, "node-MainThread", 15 * kMs);
  rename.is_exec = false;
  queue_.Push(Exec(7, "node", 10 * kMs));
  queue_.Push(rename);
  EXPECT_EQ(Take(7, 20 * kMs), "node");
}

TEST_F(CommRecordQueueTest, AnIdThatCameRoundAgainKeepsNamesApart) {
  // Given two processes with one id, one after the other, in one batch
  queue_.Push(Exec(7, "first", 10 * kMs));
  queue_.Push(Exec(7, "second", 20 * kMs));
  queue_.OnFork(7, 5 * kMs);
  EXPECT_EQ(Take(7, 11 * kMs), "first");
  queue_.OnFork(7, 15 * kMs);
  EXPECT_EQ(Take(7, 21 * kMs), "second");
}

TEST_F(CommRecordQueueTest, ARecordFromBeforeTheForkIsAnotherProcess) {
  // Given an exec that failed after the kernel had renamed the task: no event came
  queue_.Push(Exec(7, "failed", 10 * kMs));
  // When its id comes round, then the new process has not that name, whatever became of its own.
  queue_.OnFork(7, 15 * kMs);
  EXPECT_EQ(Take(7, 21 * kMs), "");
}

TEST_F(CommRecordQueueTest, AnExecWhoseEventWasLostGivesItsNameToNobody) {
  queue_.Push(Exec(7, "lost", 10 * kMs));
  queue_.Push(Exec(7, "seen", 20 * kMs));
  EXPECT_EQ(Take(7, 21 * kMs), "seen");
  EXPECT_EQ(queue_.size(), 0u);
}

TEST_F(CommRecordQueueTest, WhereBothWereLostThereIsNoName) {
  // Given a process of two execs, of which the event of the first and the record of the second were
  // lost
  queue_.Push(Exec(7, "first", 10 * kMs));
  queue_.OnRecordsLost(15 * kMs);
  queue_.OnEventsLost(18 * kMs);
  EXPECT_EQ(Take(7, 21 * kMs), "");
  // When nothing is lost any more, then names are good again.
  queue_.Push(Exec(8, "later", 30 * kMs));
  EXPECT_EQ(Take(8, 31 * kMs), "later");
}

TEST_F(CommRecordQueueTest, ALossOfOneKindAloneDoesNoHarm) {
  queue_.OnRecordsLost(500 * kMs);
  queue_.Push(Exec(7, "kept", 10 * kMs));
  EXPECT_EQ(Take(7, 21 * kMs), "kept");
}

TEST_F(CommRecordQueueTest, ALaterExecIsKnownBeforeItsEvent) {
  queue_.Push(Exec(7, "sh", 10 * kMs));
  queue_.Push(Exec(7, "worker", 20 * kMs));
  EXPECT_TRUE(queue_.HasLater(7, 11 * kMs));
  EXPECT_FALSE(queue_.HasLater(7, 21 * kMs));
  EXPECT_FALSE(queue_.HasLater(8, 11 * kMs));
}

TEST_F(CommRecordQueueTest, TheClocksMayDifferByLessThanAMicrosecond) {
  queue_.Push(Exec(7, "sh", 10 * kMs + 900));
  EXPECT_EQ(Take(7, 10 * kMs), "sh");
}

TEST_F(CommRecordQueueTest, IsBounded) {
  for (int i = 0; i < 1000; ++i) queue_.Push(Exec(i, "x", 10 * kMs + i));
  EXPECT_EQ(queue_.size(), 100u);
  EXPECT_EQ(Take(899, 11 * kMs), "") << "the oldest gave way";
  EXPECT_EQ(Take(900, 11 * kMs), "x");
}

TEST_F(CommRecordQueueTest, WhatNobodyTakesIsDroppedInTime) {
  queue_.Push(Exec(7, "failed", 10 * kMs));
  queue_.Push(Exec(8, "later", 1011 * kMs));
  EXPECT_EQ(queue_.size(), 1u);
  EXPECT_EQ(Take(8, 1012 * kMs), "later");
}

}  // namespace
}  // namespace cnproc
