// SPDX-License-Identifier: Apache-2.0
// What the log says of losses and repairs, and how often.
#include "collectors/pipeline/incident_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

namespace cnproc {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr int64_t kSecond = 1'000'000'000;

class IncidentLogTest : public testing::Test {
 protected:
  void RoundAt(int64_t second) { log_.OnRound(stats_, second * kSecond); }
  void LabelsAt(int64_t second, uint64_t programs, uint64_t users) {
    log_.OnLabels(
        std::array{Ledger::LabelUse{"program", 100, programs}, Ledger::LabelUse{"user", 50, users}},
        second * kSecond);
  }

  std::vector<std::string> lines_;
  std::vector<Severity> severities_;
  StreamStats stats_;
  IncidentLog log_{[this](Severity severity, const std::string& line) {
    severities_.push_back(severity);
    lines_.push_back(line);
  }};
};

TEST_F(IncidentLogTest, WhereNothingIsLostNothingIsSaid) {
  stats_.events[EventType::kFork] = 1000;
  stats_.messages = 1000;
  for (int64_t second = 1; second < 200; ++second) RoundAt(second);
  LabelsAt(200, 0, 0);

  EXPECT_THAT(lines_, IsEmpty());
}

TEST_F(IncidentLogTest, ALossIsSaidAtOnceWithHowMuchWasLostWhere) {
  stats_.dropped[SocketId::kLife] = 10377;
  stats_.dropped[SocketId::kAttribute] = 3;
  stats_.lost_in_kernel = 20;
  stats_.forks_unsubscribed = 5;
  RoundAt(1);

  ASSERT_THAT(lines_, SizeIs(1));
  EXPECT_THAT(lines_[0], AllOf(HasSubstr("lost 10405 events: 10377 in the receive buffer"),
                               HasSubstr("--connector.receive-buffer"),
                               HasSubstr("; 3 in the attribute buffer"),
                               HasSubstr("; 20 before they reached a socket"),
                               HasSubstr("; 5 or more forks while nothing was subscribed")));
  EXPECT_EQ(severities_[0], Severity::kWarn);
}

TEST_F(IncidentLogTest, WhatIsLostWithinTheMinuteIsSaidOnceWithItsSum) {
  stats_.dropped[SocketId::kLife] = 10;
  RoundAt(1);
  for (int64_t second = 2; second < 100; ++second) {
    if (second <= 40) ++stats_.dropped[SocketId::kLife];
    RoundAt(second);
  }

  ASSERT_THAT(lines_, SizeIs(2));
  EXPECT_THAT(lines_[1], HasSubstr("lost 39 events in the last 59 s: 39 in the receive buffer"));
  EXPECT_THAT(lines_[1], Not(HasSubstr("attribute")));
  // And nothing of it a third time; what comes later is said at once
  RoundAt(300);
  ++stats_.dropped[SocketId::kAttribute];
  RoundAt(301);
  ASSERT_THAT(lines_, SizeIs(3));
  EXPECT_THAT(lines_[2], HasSubstr("lost 1 event: 1 in the attribute buffer"));
}

TEST_F(IncidentLogTest, AStreamThatLosesWithoutEndWritesALineAMinute) {
  for (int64_t second = 0; second < 600; ++second) {
    stats_.dropped[SocketId::kLife] += 1000;
    log_.OnResync({.appeared = 1, .vanished = 1}, second * kSecond);
    log_.OnRenewal("forks happen and no event comes", second * kSecond);
    RoundAt(second);
  }

  EXPECT_THAT(lines_, SizeIs(3 * 10));
}

TEST_F(IncidentLogTest, AResyncSaysWhatItFound) {
  log_.OnResync({.appeared = 2, .vanished = 7}, 1 * kSecond);
  RoundAt(1);
  log_.OnResync({.appeared = 1, .vanished = 0}, 6 * kSecond);
  RoundAt(6);
  log_.OnResync({.appeared = 1, .vanished = 3}, 11 * kSecond);
  RoundAt(11);
  RoundAt(61);

  ASSERT_THAT(lines_, SizeIs(2));
  EXPECT_THAT(lines_[0], HasSubstr("compared the process table with /proc after a loss; processes "
                                   "that had begun unseen: 2, that had ended unseen: 7"));
  EXPECT_THAT(lines_[1], HasSubstr("with /proc 2 times in the last 55 s after a loss; processes "
                                   "that had begun unseen: 2, that had ended unseen: 3"));
  EXPECT_EQ(severities_[0], Severity::kInfo);
}

TEST_F(IncidentLogTest, ARenewalSaysWhyAndALossWithItComesAfter) {
  log_.OnRenewal("forks happen and no event comes", 1 * kSecond);
  stats_.forks_unsubscribed = 4;
  RoundAt(1);

  ASSERT_THAT(lines_, SizeIs(2));
  EXPECT_EQ(lines_[0], "forks happen and no event comes; subscribed again");
  EXPECT_THAT(lines_[1], HasSubstr("lost 4 events: 4 or more forks"));
  EXPECT_EQ(severities_[0], Severity::kWarn);
}

TEST_F(IncidentLogTest, RenewalsWithinTheMinuteAreCountedInOneLine) {
  for (const int64_t second : {1, 2, 3}) {
    log_.OnRenewal("the socket broke", second * kSecond);
    RoundAt(second);
  }
  RoundAt(61);

  ASSERT_THAT(lines_, SizeIs(2));
  EXPECT_EQ(lines_[1], "the socket broke; subscribed again 2 times in the last 59 s");
}

TEST_F(IncidentLogTest, AFullLabelIsSaidOnceAnHourEachForItself) {
  LabelsAt(1, 1, 0);
  LabelsAt(2, 500, 0);
  LabelsAt(3, 500, 9);
  for (int64_t second = 4; second < 7300; ++second) LabelsAt(second, 500, 9);

  ASSERT_THAT(lines_, SizeIs(3));
  EXPECT_THAT(lines_[0], AllOf(HasSubstr("collector program is at its limit of 100 values"),
                               HasSubstr("--collector.program.limit")));
  EXPECT_THAT(lines_[1],
              HasSubstr("collector user is at its limit of 50 values: another was counted as "
                        "\"other\" 9 times;"));
  EXPECT_THAT(lines_[2], HasSubstr("\"other\" 499 times in the last 3599 s;"));
  EXPECT_EQ(severities_[0], Severity::kWarn);
}

}  // namespace
}  // namespace cnproc
