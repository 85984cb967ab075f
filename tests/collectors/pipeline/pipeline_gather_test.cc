// SPDX-License-Identifier: Apache-2.0
// What scrapes see of the collector thread, however busy or stuck it is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "collectors/pipeline/pipeline.h"
#include "tests/collectors/pipeline/pipeline_lab.h"

namespace cnproc {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing::Contains;
using testing::ElementsAre;
using testing::Not;

using PipelineGatherTest = PipelineLab;

// A process from fork to exit; its CPU skips a number before the next one.
void QueueLifetime(FakeSource& fake, uint32_t number) {
  const uint32_t pid = 100 + number;
  fake.Queue(SocketId::kLife, {Fork(pid, 3 * number), Exit(pid, 3 * number + 1)});
}

void ExpectBatchBoundary(Page& page) {
  EXPECT_EQ(page[kForks], page[kExits]);
  EXPECT_EQ(page[kForks], page[kProcessForks]);
  EXPECT_EQ(page[kForks], page[kSuccesses]);
  EXPECT_EQ(page["cnproc_processes{}"], 2);
}

TEST_F(PipelineGatherTest, WhatTheSourceHandsOverIsInTheNextScrape) {
  Start();
  ASSERT_EQ(GatherInTime()[kForks], 0);

  Queue(SocketId::kLife, {Fork(10, 1), Fork(11, 2), FakeDatagram(kWhatFork, {10, 10, 12, 10}, 3)});
  Queue(SocketId::kLife, {FakeDatagram(kWhatExec, {11, 11}, 5), Exit(10, 6), Exit(11, 7, 9)});
  Queue(SocketId::kAttribute, {FakeDatagram(kWhatUid, {7, 7, 1000, 1000}, 4)});
  Page page = GatherInTime();

  EXPECT_EQ(page[kForks], 3);
  EXPECT_EQ(page["cnproc_events_total{event=\"exec\"}"], 1);
  EXPECT_EQ(page["cnproc_events_total{event=\"uid\"}"], 1);
  EXPECT_EQ(page[kExits], 2);
  EXPECT_EQ(page[kProcessForks], 2);
  EXPECT_EQ(page["cnproc_forks_total{kind=\"thread\"}"], 1);
  EXPECT_EQ(page["cnproc_execs_total{}"], 1);
  EXPECT_EQ(page["cnproc_thread_exits_total{}"], 1) << "thread 12 lives on";
  EXPECT_EQ(page[kSuccesses], 0);
  EXPECT_EQ(page["cnproc_process_exits_total{outcome=\"signal\"}"], 1);
  EXPECT_EQ(page["cnproc_processes{}"], 3) << "1, 7 and 10";
  EXPECT_EQ(page["cnproc_user_forks_total{uid=\"0\"}"], 2);

  Queue(SocketId::kLife, {FakeDatagram(kWhatExit, {12, 10, 0}, 8)});
  page = GatherInTime();
  EXPECT_EQ(page[kExits], 3);
  EXPECT_EQ(page[kSuccesses], 1);
  EXPECT_EQ(page["cnproc_processes{}"], 2);
  EXPECT_EQ(page[kLostInKernel], 0) << "no number is missing";
}

TEST_F(PipelineGatherTest, ABacklogOfSeveralRoundsIsInTheNextScrape) {
  Start();
  source_->Do([](FakeSource& fake) {
    for (uint32_t number = 1; number <= 100; ++number) QueueLifetime(fake, number);
  });
  EXPECT_EQ(GatherInTime()[kForks], 100);
}

// One that asks in the middle of a round waits for the next.
TEST_F(PipelineGatherTest, AScrapeHasAllThatWasThereWhenItAsked) {
  Start();
  for (uint32_t tries = 1; tries <= 50; ++tries) {
    // Given a round that has read the life socket already
    source_->Stall(SocketId::kAttribute);
    source_->Do([&](FakeSource& fake) { QueueLifetime(fake, tries); });
    std::thread releaser([this] {
      std::this_thread::sleep_for(milliseconds(20));
      source_->Release();
    });
    const auto begin = steady_clock::now();
    Page page = Gather();
    const auto took = steady_clock::now() - begin;
    releaser.join();
    if (took >= kCutPatience) continue;
    EXPECT_EQ(page[kForks], tries);
    return;
  }
  FAIL() << "no scrape got its cut";
}

TEST_F(PipelineGatherTest, AScrapeDoesNotWaitForAStuckThread) {
  Start();
  Queue(SocketId::kLife, {Fork(10, 1), Fork(11, 2)});
  ASSERT_EQ(GatherInTime()[kForks], 2);
  // When the thread is stuck in the source, with more to read
  source_->Stall(SocketId::kLife);
  Queue(SocketId::kLife, {Fork(12, 3)});
  const auto begin = steady_clock::now();
  Page page = Gather();
  const auto took = steady_clock::now() - begin;
  // Then a scrape has the batch before, and that is no reason yet to call it down
  EXPECT_GE(took, kCutPatience);
  EXPECT_LT(took, std::chrono::seconds(5));
  EXPECT_EQ(page[kForks], 2);
  EXPECT_EQ(page[kProcessForks], 2);
  EXPECT_EQ(page["cnproc_up{}"], 1);

  source_->Release();
  EXPECT_EQ(GatherInTime()[kForks], 3);
}

TEST_F(PipelineGatherTest, AStormThatNeverPausesIsCutBetweenTwoBatches) {
  Start();
  uint32_t number = 0;
  source_->Do([&](FakeSource& fake) { QueueLifetime(fake, ++number); });
  source_->Refill([&](FakeSource& fake) { QueueLifetime(fake, ++number); });
  double forks_before = 0;
  for (int i = 0; i < 5; ++i) {
    Page page = Gather();
    ExpectBatchBoundary(page);
    EXPECT_GT(page[kForks], forks_before);
    forks_before = page[kForks];
  }
  source_->Refill({});
  Page page = GatherInTime();
  ExpectBatchBoundary(page);
  EXPECT_EQ(page[kForks], number);
}

TEST_F(PipelineGatherTest, ScrapesAtOnceSeeConsistentCuts) {
  constexpr uint32_t kScrapers = 4;
  constexpr uint32_t kScrapesEach = 40;
  Start();
  std::atomic<uint32_t> batches = 0;
  const auto scrape = [&] {
    double seen_before = 0;
    for (uint32_t i = 0; i < kScrapesEach; ++i) {
      uint32_t queued = 0;
      source_->Do([&](FakeSource& fake) { QueueLifetime(fake, queued = ++batches); });
      const auto begin = steady_clock::now();
      Page page = Gather();
      if (steady_clock::now() - begin < kCutPatience) {
        EXPECT_GE(page[kForks], queued);
      }
      ExpectBatchBoundary(page);
      const double seen = page[kForks] + page[kExits] + page[kLostInKernel];
      EXPECT_GE(seen, seen_before);
      EXPECT_LE(seen, 3 * batches);
      seen_before = seen;
    }
  };
  std::vector<std::thread> scrapers;
  scrapers.reserve(kScrapers);
  for (uint32_t i = 0; i < kScrapers; ++i) scrapers.emplace_back(scrape);
  for (std::thread& scraper : scrapers) scraper.join();

  constexpr double kBatches = kScrapers * kScrapesEach;
  EXPECT_TRUE(IsShown(kLostInKernel, kBatches - 1)) << "the first number is the first event's";
  Page page = GatherInTime();
  ExpectBatchBoundary(page);
  EXPECT_EQ(page[kForks], kBatches);
}

TEST_F(PipelineGatherTest, AFilteredScrapeHasOnlyWhatItAskedFor) {
  Start();
  const auto families = [this](std::string_view wanted) {
    std::vector<std::string> names;
    for (const auto& [series, value] :
         Gather([wanted](std::string_view name) { return name == wanted; })) {
      const std::string family = series.substr(0, series.find('{'));
      // Of which the collector's name is to be seen.
      const bool by_collector = family.starts_with("cnproc_scrape_collector_");
      names.push_back(by_collector ? series : family);
    }
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
  };
  EXPECT_THAT(families("user"),
              ElementsAre("cnproc_label_evictions_total", "cnproc_label_limit",
                          "cnproc_label_overflows_total", "cnproc_label_values",
                          "cnproc_scrape_collector_duration_seconds{collector=\"user\"}",
                          "cnproc_scrape_collector_success{collector=\"user\"}",
                          "cnproc_user_execs_total", "cnproc_user_forks_total"));
  const std::vector<std::string> stream = families("stream");
  const std::vector<std::string> processes = families("processes");
  EXPECT_THAT(stream, Contains("cnproc_up"));
  EXPECT_THAT(processes, Contains("cnproc_forks_total"));
  for (const std::string& family : processes) {
    EXPECT_THAT(stream, Not(Contains(family)));
  }
  EXPECT_TRUE(families("none").empty());
}

}  // namespace
}  // namespace cnproc
