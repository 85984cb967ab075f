// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/recording_audit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <span>
#include <vector>

#include "collectors/kernel/cn_proc.h"
#include "collectors/kernel/pcap.h"

namespace cnproc {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kBegin = 1'000 * kMs;
constexpr SocketId kLife = SocketId::kLife;
constexpr SocketId kAttribute = SocketId::kAttribute;

uint64_t Lost(RecordingAudit& audit) {
  const std::vector<RecordingGap> gaps = audit.TakeGaps();
  return std::accumulate(gaps.begin(), gaps.end(), uint64_t{0},
                         [](uint64_t sum, const RecordingGap& gap) { return sum + gap.count; });
}

uint64_t LostIn(std::span<const RecordedNumber> messages) {
  RecordingAudit audit;
  for (const RecordedNumber& message : messages) audit.OnMessage(message);
  return Lost(audit);
}

// Made on a busy machine; nothing was lost. The two sockets were read up to 377 numbers apart.
const std::vector<RecordedNumber>& WholeRecording() {
  static const std::vector<RecordedNumber> kMessages = [] {
    std::vector<RecordedNumber> messages;
    auto reader = PcapReader::Open(CNPROC_TEST_DATA "/fixtures/nothing_lost.pcap");
    RecordedDatagram datagram;
    while (reader.ok() && *(*reader)->Next(datagram)) {
      const Message message = DecodeConnectorMessage({.bytes = datagram.bytes});
      messages.push_back({.socket = datagram.socket,
                          .cpu = message.cpu,
                          .sequence = message.sequence,
                          .received_ns = datagram.received_ns,
                          .happened_ns = message.event.timestamp_ns});
    }
    return messages;
  }();
  return kMessages;
}

TEST(RecordingAuditTest, AWholeRecordingLacksNothing) {
  ASSERT_EQ(WholeRecording().size(), 3165U);
  EXPECT_EQ(LostIn(WholeRecording()), 0U);
}

TEST(RecordingAuditTest, NorDoesOneThatWasCutWhereverThatWas) {
  RecordingAudit audit;
  for (size_t i = 0; i < WholeRecording().size(); ++i) {
    audit.OnMessage(WholeRecording()[i]);
    ASSERT_EQ(Lost(audit), 0U) << "after " << i;
  }
}

TEST(RecordingAuditTest, NorDoesOneThatBeginsWhereverThatIs) {
  const std::span<const RecordedNumber> whole = WholeRecording();
  for (size_t i = 0; i < whole.size(); i += 7) {
    ASSERT_EQ(LostIn(whole.subspan(i)), 0U) << "from " << i << " on";
  }
}

TEST(RecordingAuditTest, AHoleHasItsSizeWhereverItIs) {
  // But for the first and the last 100 ms, where one socket may not have been read yet or any more.
  const std::vector<RecordedNumber>& whole = WholeRecording();
  const int64_t from_ns = whole.front().received_ns + 100 * kMs;
  const int64_t to_ns = whole.back().received_ns - 100 * kMs;
  size_t holes = 0;
  for (size_t begin = 0; begin + 40 < whole.size(); begin += 20) {
    for (const size_t size : {1, 2, 30}) {
      std::vector<RecordedNumber> messages = whole;
      const auto first = messages.begin() + static_cast<std::ptrdiff_t>(begin);
      messages.erase(first, first + static_cast<std::ptrdiff_t>(size));
      const uint64_t lost = LostIn(messages);
      EXPECT_LE(lost, size) << "at " << begin;
      if (whole[begin].received_ns <= from_ns || whole[begin + size].received_ns >= to_ns) continue;
      EXPECT_EQ(lost, size) << "at " << begin;
      ++holes;
    }
  }
  EXPECT_GT(holes, 300U);
}

class RecordingAuditOfTwoSockets : public testing::Test {
 protected:
  void Receive(SocketId socket, uint32_t from, uint32_t to, int64_t at_ms, uint32_t cpu = 0) {
    for (uint32_t sequence = from; sequence != to + 1; ++sequence) {
      audit_.OnMessage({.socket = socket,
                        .cpu = cpu,
                        .sequence = sequence,
                        .received_ns = kBegin + at_ms * kMs,
                        .happened_ns = kBegin + at_ms * kMs});
    }
  }

  RecordingAudit audit_;
};

TEST_F(RecordingAuditOfTwoSockets, WhatTheOtherOneBringsMuchLaterIsNotLost) {
  Receive(kLife, 1, 10, 0);
  Receive(kLife, 21, 30, 5'000);
  Receive(kAttribute, 11, 20, 9'000);
  EXPECT_EQ(Lost(audit_), 0U);
}

TEST_F(RecordingAuditOfTwoSockets, ALossShowsWithoutAnEventOfTheOtherOnceThatWasRead) {
  Receive(kLife, 1, 10, 0);
  Receive(kLife, 11, 11, 200);
  Receive(kLife, 15, 20, 400);
  EXPECT_EQ(Lost(audit_), 0U) << "the recording may end before the other was read";
  Receive(kLife, 21, 21, 501);
  EXPECT_EQ(Lost(audit_), 3U);
}

TEST_F(RecordingAuditOfTwoSockets, OneThatIsReadLateMayStillHoldWhatIsMissing) {
  Receive(kAttribute, 1, 1, 0);
  Receive(kLife, 2, 10, 1'000);
  Receive(kLife, 15, 20, 2'000);
  // What is read now of the other happened 700 ms ago.
  audit_.OnMessage({.socket = kAttribute,
                    .cpu = 1,
                    .sequence = 1,
                    .received_ns = kBegin + 2'400 * kMs,
                    .happened_ns = kBegin + 1'700 * kMs});
  EXPECT_EQ(Lost(audit_), 0U);
}

TEST_F(RecordingAuditOfTwoSockets, WhatCameBeforeTheOtherWasOpenedIsNotLost) {
  Receive(kAttribute, 1, 1, 0);
  Receive(kAttribute, 5, 5, 0);
  Receive(kLife, 6, 9, 10);
  Receive(kAttribute, 10, 10, 3'000);
  Receive(kLife, 11, 11, 6'000);
  EXPECT_EQ(Lost(audit_), 0U);
}

TEST_F(RecordingAuditOfTwoSockets, TellsWhenALossShowed) {
  Receive(kLife, 1, 10, 0);
  Receive(kAttribute, 11, 11, 0);
  Receive(kLife, 14, 20, 300);
  Receive(kAttribute, 22, 22, 700);
  Receive(kLife, 23, 23, 900);
  const std::vector<RecordingGap> gaps = audit_.TakeGaps();
  ASSERT_EQ(gaps.size(), 2U);
  EXPECT_EQ(gaps[0].shown_ns, kBegin + 300 * kMs);
  EXPECT_EQ(gaps[0].count, 2U);
  EXPECT_EQ(gaps[1].shown_ns, kBegin + 700 * kMs);
  EXPECT_EQ(gaps[1].count, 1U);
}

TEST_F(RecordingAuditOfTwoSockets, NumbersWrapAfterThirtyTwoBits) {
  for (const SocketId socket : {kLife, kAttribute}) {
    Receive(socket, 0xfffffff0, 0xfffffffe, 0);
    Receive(socket, 3, 10, 10);  // 0xffffffff, 0, 1 and 2 are missing
  }
  EXPECT_EQ(Lost(audit_), 4U);
}

TEST_F(RecordingAuditOfTwoSockets, WhatAFileClaimsIsBoundedInMemory) {
  // Given a file in which every second number is missing, and CPUs that cannot be
  Receive(kLife, 7, 7, 0, 0xffffffff);
  for (uint32_t sequence = 0; sequence < 1'400'000; sequence += 2) {
    for (const SocketId socket : {kLife, kAttribute}) Receive(socket, sequence, sequence, 0);
  }
  EXPECT_EQ(Lost(audit_), 699'999U);
}

}  // namespace
}  // namespace cnproc
