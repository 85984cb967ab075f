// SPDX-License-Identifier: Apache-2.0
#include "collectors/pipeline/scrape_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <new>
#include <thread>
#include <vector>

namespace cnproc {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLong(30'000);
constexpr auto kNoWake = [] {};

// As soon as a scrape waits.
void AwaitScrape(ScrapeQueue& queue) {
  while (!queue.BeginRound()) std::this_thread::yield();
}

TEST(ScrapeQueueTest, ThePageIsMadeByTheThreadThatServes) {
  ScrapeQueue queue;
  std::thread::id made_by;
  std::atomic<bool> woken = false;
  bool got_it = false;
  std::thread scrape([&] {
    const auto make_page = [&] { made_by = std::this_thread::get_id(); };
    got_it = queue.AwaitPage(make_page, [&] { woken = true; }, kLong);
  });
  AwaitScrape(queue);
  EXPECT_TRUE(woken);

  queue.ServePages(kLong);
  scrape.join();

  EXPECT_TRUE(got_it);
  EXPECT_EQ(made_by, std::this_thread::get_id());
}

TEST(ScrapeQueueTest, WhoAsksAfterTheRoundBeganWaitsForTheNext) {
  ScrapeQueue queue;
  EXPECT_FALSE(queue.BeginRound());
  std::atomic<bool> asked = false;
  std::atomic<bool> served = false;
  std::thread scrape([&] {
    EXPECT_TRUE(queue.AwaitPage([&] { served = true; }, [&] { asked = true; }, kLong));
  });
  while (!asked) std::this_thread::yield();

  queue.ServePages(kLong);
  EXPECT_FALSE(served) << "this round may have read already what happened before it asked";

  EXPECT_TRUE(queue.BeginRound());
  queue.ServePages(kLong);
  EXPECT_TRUE(served);
  scrape.join();
}

TEST(ScrapeQueueTest, AScrapeThatGivesUpIsNotServedLater) {
  ScrapeQueue queue;
  bool served = false;
  EXPECT_FALSE(queue.AwaitPage([&] { served = true; }, kNoWake, milliseconds(1)));

  EXPECT_FALSE(queue.BeginRound());
  queue.ServePages(kLong);
  EXPECT_FALSE(served);
}

TEST(ScrapeQueueTest, OneThatGivesUpInTheMiddleOfARoundTakesNobodysPlace) {
  ScrapeQueue queue;
  // Given one with little patience, and one who asks after the round has begun
  std::thread hasty([&] { EXPECT_FALSE(queue.AwaitPage([] {}, kNoWake, milliseconds(50))); });
  AwaitScrape(queue);
  std::atomic<bool> served = false;
  std::atomic<bool> asked = false;
  std::thread patient([&] {
    EXPECT_TRUE(queue.AwaitPage([&] { served = true; }, [&] { asked = true; }, kLong));
  });
  while (!asked) std::this_thread::yield();
  // When the first gives up
  hasty.join();
  // Then the other still waits for the next round
  queue.ServePages(kLong);
  EXPECT_FALSE(served);
  EXPECT_TRUE(queue.BeginRound());
  queue.ServePages(kLong);
  patient.join();
  EXPECT_TRUE(served);
}

TEST(ScrapeQueueTest, WhatAPageThrowsIsThrownInItsScrapeAlone) {
  ScrapeQueue queue;
  std::thread unlucky([&] {
    EXPECT_THROW(queue.AwaitPage([] { throw std::bad_alloc(); }, kNoWake, kLong), std::bad_alloc);
  });
  AwaitScrape(queue);
  std::atomic<bool> asked = false;
  std::thread lucky(
      [&] { EXPECT_TRUE(queue.AwaitPage([] {}, [&] { asked = true; }, kLong)); });
  while (!asked) std::this_thread::yield();

  queue.BeginRound();
  EXPECT_NO_THROW(queue.ServePages(kLong));

  unlucky.join();
  lucky.join();
  EXPECT_FALSE(queue.BeginRound()) << "nobody is left behind";
}

TEST(ScrapeQueueTest, ManyScrapesDoNotKeepTheThreadFromTheStream) {
  ScrapeQueue queue;
  std::vector<std::thread> scrapes;
  std::atomic<int> asked = 0;
  constexpr int kScrapes = 5;
  for (int i = 0; i < kScrapes; ++i) {
    scrapes.emplace_back([&] {
      EXPECT_TRUE(queue.AwaitPage([] { std::this_thread::sleep_for(milliseconds(2)); },
                                  [&] { ++asked; }, kLong));
    });
  }
  while (asked < kScrapes) std::this_thread::yield();
  // Each takes longer than a round may be
  int rounds = 0;
  for (; queue.BeginRound(); ++rounds) queue.ServePages(milliseconds(1));

  EXPECT_EQ(rounds, kScrapes);
  for (std::thread& scrape : scrapes) scrape.join();
}

}  // namespace
}  // namespace cnproc
