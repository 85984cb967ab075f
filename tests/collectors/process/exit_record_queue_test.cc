// SPDX-License-Identifier: Apache-2.0
#include "collectors/process/exit_record_queue.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>

namespace cnproc {
namespace {

ExitRecord Record(pid_t tid, uint32_t wait_status, int64_t elapsed_us = 0) {
  ExitRecord record;
  record.tid = tid;
  record.wait_status = wait_status;
  record.elapsed_us = elapsed_us;
  return record;
}

TaskLife Task(pid_t tid, int64_t start_ns = kUnknownStart) {
  return {.tid = tid, .tgid = tid, .start_ns = start_ns};
}

TEST(ExitRecordQueueTest, GivesEachTaskItsRecordsInOrder) {
  // Given an id that came round twice before its first EXIT event was read
  ExitRecordQueue queue(100, 1'000);
  queue.Push(Record(1, 10), 0);
  queue.Push(Record(2, 20), 0);
  queue.Push(Record(1, 11), 0);
  EXPECT_EQ(queue.Peek(Task(1), true)->wait_status, 10U);
  EXPECT_EQ(queue.Take(Task(1), {})->wait_status, 10U);
  EXPECT_EQ(queue.Take(Task(1), {})->wait_status, 11U);
  EXPECT_EQ(queue.Take(Task(1), {}), std::nullopt);
  EXPECT_EQ(queue.Peek(Task(1), true), nullptr);
  EXPECT_EQ(queue.Take(Task(2), {})->wait_status, 20U);
  EXPECT_EQ(queue.size(), 0U);
}

TEST(ExitRecordQueueTest, ForgetsRecordsWhoseEventNeverCame) {
  ExitRecordQueue queue(100, 1'000);
  queue.Push(Record(1, 10), 0);
  queue.Push(Record(2, 20), 900);
  queue.Push(Record(3, 30), 1'001);
  EXPECT_EQ(queue.Peek(Task(1), true), nullptr);
  EXPECT_NE(queue.Peek(Task(2), true), nullptr);
  EXPECT_EQ(queue.size(), 2U);
}

TEST(ExitRecordQueueTest, LetsTheOldestGiveWayAtItsBound) {
  ExitRecordQueue queue(3, 1'000);
  for (uint32_t i = 1; i <= 3; ++i) queue.Push(Record(7, i), 0);
  queue.Push(Record(8, 4), 0);
  EXPECT_EQ(queue.size(), 3U);
  EXPECT_EQ(queue.Take(Task(7), {})->wait_status, 2U);
}

TEST(ExitRecordQueueTest, TellsAnEarlierTaskByItsLifetime) {
  // Given an EXIT event that was lost, and the id given again
  ExitRecordQueue queue(100, 1'000);
  queue.Push(Record(1, 10, 60'000'000), 0);
  queue.Push(Record(1, 11, 5'000), 0);
  // When the later task's event comes, then the record of the earlier one is not its.
  EXPECT_EQ(queue.Take(Task(1), 5'100)->wait_status, 11U);
  EXPECT_EQ(queue.size(), 0U);
  // A record may lack the time that it took to give a huge memory back.
  queue.Push(Record(1, 12, 8'500'000), 0);
  EXPECT_EQ(queue.Take(Task(1), 10'000'000), std::nullopt);
  ExitRecord huge = Record(1, 12, 8'500'000);
  huge.peak_resident_bytes = uint64_t{1} << 30;
  queue.Push(huge, 0);
  EXPECT_EQ(queue.Take(Task(1), 10'000'000)->wait_status, 12U);
  queue.Push(Record(1, 13, 100'000), 0);
  EXPECT_EQ(queue.Take(Task(1), 1'000), std::nullopt);
}

TEST(ExitRecordQueueTest, DropsWhatWasReadBeforeTheTaskWasForked) {
  // Given EXIT events that were lost, and the id given again
  ExitRecordQueue queue(100, 1'000);
  queue.Push(Record(1, 10), 500);
  queue.Push(Record(1, 11), 600);
  queue.Push(Record(1, 12), 800);
  // Then neither its exec nor its end is told by one of theirs, though nothing says that one is
  // lost.
  EXPECT_EQ(queue.Peek(Task(1, 700), true)->wait_status, 12U);
  EXPECT_EQ(queue.Take(Task(1, 700), {})->wait_status, 12U);
  queue.Push(Record(1, 13), 800);
  EXPECT_EQ(queue.Peek(Task(1, 801), true), nullptr);
  EXPECT_EQ(queue.size(), 0U);
}

TEST(ExitRecordQueueTest, DropsWhatIsOfAnotherProcess) {
  // Given the record of a thread whose id is a process' now
  ExitRecordQueue queue(100, 1'000);
  ExitRecord thread = Record(5, 10);
  thread.tgid = 1;
  queue.Push(thread, 0);
  EXPECT_EQ(queue.Take(Task(5), {}), std::nullopt);
  queue.Push(thread, 0);
  EXPECT_EQ(queue.Take({.tid = 5, .tgid = 1}, {})->wait_status, 10U);
}

TEST(ExitRecordQueueTest, DoesNotGuessWhichOfTwoIsMeantAfterALoss) {
  ExitRecordQueue queue(100, 1'000);
  queue.Push(Record(1, 10), 0);
  EXPECT_EQ(queue.Peek(Task(1), /*lossless=*/false)->wait_status, 10U);
  queue.Push(Record(1, 11), 0);
  EXPECT_EQ(queue.Peek(Task(1), /*lossless=*/false), nullptr);
  EXPECT_EQ(queue.Peek(Task(1), /*lossless=*/true)->wait_status, 10U);
}

TEST(ExitRecordQueueTest, BehavesAsThePlainModelDoes) {
  constexpr size_t kMax = 50;
  ExitRecordQueue queue(kMax, 1'000'000);
  std::deque<ExitRecord> model;
  std::mt19937 random(7);
  for (uint32_t step = 0; step < 100'000; ++step) {
    const auto tid = static_cast<pid_t>(random() % 20 + 1);
    if (random() % 5 < 3) {
      queue.Push(Record(tid, step), 0);
      model.push_back(Record(tid, step));
      if (model.size() > kMax) model.pop_front();
    } else {
      auto found = model.begin();
      while (found != model.end() && found->tid != tid) ++found;
      const std::optional<ExitRecord> taken = queue.Take(Task(tid), {});
      ASSERT_EQ(taken.has_value(), found != model.end());
      if (!taken) continue;
      ASSERT_EQ(taken->wait_status, found->wait_status);
      model.erase(found);
    }
    ASSERT_EQ(queue.size(), model.size());
  }
}

}  // namespace
}  // namespace cnproc
