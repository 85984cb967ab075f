// SPDX-License-Identifier: Apache-2.0
#include "collectors/who/newcomers.h"

#include <gtest/gtest.h>

#include <string>

namespace cnproc {
namespace {

constexpr int64_t kMemory = 100;

TEST(NewcomersTest, CountsEachByItself) {
  Newcomers newcomers;
  EXPECT_EQ(newcomers.Count("a", 0, kMemory), 1U);
  EXPECT_EQ(newcomers.Count("b", 1, kMemory), 1U);
  EXPECT_EQ(newcomers.Count("a", 2, kMemory), 2U);
  EXPECT_EQ(newcomers.Count("a", 3, kMemory), 3U);
  EXPECT_EQ(newcomers.Count("b", 4, kMemory), 2U);
}

TEST(NewcomersTest, BeginsAnewAfterALongAbsence) {
  Newcomers newcomers;
  newcomers.Count("a", 0, kMemory);
  EXPECT_EQ(newcomers.Count("a", kMemory, kMemory), 2U);
  EXPECT_EQ(newcomers.Count("a", 2 * kMemory + 1, kMemory), 1U);
}

TEST(NewcomersTest, ForgetsWhoFoundRoom) {
  Newcomers newcomers;
  newcomers.Count("a", 0, kMemory);
  newcomers.Forget("a");
  newcomers.Forget("never came");
  EXPECT_EQ(newcomers.size(), 0U);
  EXPECT_EQ(newcomers.Count("a", 0, kMemory), 1U);
}

TEST(NewcomersTest, RemembersTheNewestOfAFlood) {
  // Given one that keeps coming while others come once each
  Newcomers newcomers;
  for (uint64_t round = 1; round <= 100; ++round) {
    ASSERT_EQ(newcomers.Count("loop", 0, kMemory), round);
    for (size_t i = 0; i + 1 < Newcomers::kCapacity; ++i) {
      newcomers.Count(std::to_string(round) + "-" + std::to_string(i), 0, kMemory);
    }
    // Then the table stays within its bound,
    ASSERT_LE(newcomers.size(), Newcomers::kCapacity);
  }
  // and one other more is one too many.
  for (size_t i = 0; i < Newcomers::kCapacity; ++i) newcomers.Count(std::to_string(i), 0, kMemory);
  EXPECT_EQ(newcomers.Count("loop", 0, kMemory), 1U);
}

}  // namespace
}  // namespace cnproc
