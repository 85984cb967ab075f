// SPDX-License-Identifier: Apache-2.0
#include "collectors/pipeline/event_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "tests/collectors/kernel/fake_source.h"

namespace cnproc {
namespace {

using testing::ElementsAre;

constexpr int64_t kSecondNs = 1'000'000'000;

class EventStreamTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(stream_.OnSubscribed(/*probe=*/true).ok());
    // The answers of CPU 0 and 1 to the first probe.
    source_.Queue(SocketId::kLife,
                  {FakeDatagram(kWhatNone, {22}, 99, 0), FakeDatagram(kWhatNone, {22}, 499, 1)});
    ReadRound();
  }

  absl::StatusOr<Round> TryRound(bool thorough) {
    stream_.BeginRound(thorough);
    while (const std::optional<Batch> batch = stream_.Next()) {
      for (const Event& event : batch->events) delivered_.push_back(event.tid);
    }
    return stream_.EndRound();
  }
  Round ReadRound(bool thorough = false) {
    const absl::StatusOr<Round> round = TryRound(thorough);
    EXPECT_TRUE(round.ok()) << round.status();
    return round.value_or(Round{});
  }

  static std::vector<std::byte> Fork(uint32_t pid, uint32_t sequence, int64_t timestamp_ns = 1) {
    return FakeDatagram(kWhatFork, {1, 1, pid, pid}, sequence, 0, timestamp_ns);
  }

  FakeSource source_;
  std::vector<pid_t> delivered_;
  EventStream stream_{source_, 8};
  const StreamStats& stats_ = stream_.stats();
};

TEST_F(EventStreamTest, EventsAreToldAndCounted) {
  source_.Queue(SocketId::kLife, {Fork(10, 100), Fork(11, 101)});
  source_.Queue(SocketId::kLife, {FakeDatagram(kWhatExit, {10, 10, 0}, 102)});

  const Round round = ReadRound();

  EXPECT_TRUE(round.drained);
  EXPECT_FALSE(round.lost);
  EXPECT_THAT(delivered_, ElementsAre(10, 11, 10));
  EXPECT_EQ(stats_.events[EventType::kFork], 2u);
  EXPECT_EQ(stats_.events[EventType::kExit], 1u);
}

TEST_F(EventStreamTest, BothSocketsAreMergedByTimestamp) {
  source_.Queue(SocketId::kAttribute, {FakeDatagram(kWhatGid, {20, 20, 1, 1}, 101, 0, 2000),
                                       FakeDatagram(kWhatGid, {21, 21, 1, 1}, 103, 0, 4000)});
  source_.Queue(SocketId::kLife, {Fork(10, 100, 1000), Fork(11, 102, 3000)});

  ReadRound();

  EXPECT_THAT(delivered_, ElementsAre(10, 20, 11, 21));
}

TEST_F(EventStreamTest, WhatIsNoEventIsCountedByItsReason) {
  source_.Queue(SocketId::kLife, {Fork(10, 100)}, /*sender_port=*/4711);
  source_.Queue(SocketId::kLife, {std::vector<std::byte>(10), FakeDatagram(0x400, {}, 100)});

  ReadRound();
  ReadRound();

  EXPECT_TRUE(delivered_.empty());
  EXPECT_EQ(stats_.foreign_sender, 1u);
  EXPECT_EQ(stats_.malformed, 1u);
  EXPECT_EQ(stats_.unknown_event, 1u);
  EXPECT_EQ(stats_.lost(), 0u) << "an unknown event takes a number too";
}

TEST_F(EventStreamTest, AcknowledgementsOfOtherToolsAreNoEventsAndNoLoss) {
  source_.Queue(SocketId::kLife, {FakeDatagram(kWhatNone, {0}, 100), Fork(10, 101)});

  ReadRound();
  ReadRound();

  EXPECT_THAT(delivered_, ElementsAre(10));
  EXPECT_EQ(stats_.lost(), 0u);
}

TEST_F(EventStreamTest, AGapIsALossOfTheKernel) {
  source_.Queue(SocketId::kLife, {Fork(10, 100), Fork(11, 104)});

  ReadRound();
  const Round round = ReadRound();

  EXPECT_TRUE(round.lost);
  EXPECT_EQ(stats_.lost_in_kernel, 3u);
}

TEST_F(EventStreamTest, DropsAreCountedBySocketAndNotTwice) {
  source_.AdvanceTo(10 * kSecondNs);
  source_.Queue(SocketId::kLife, {Fork(10, 100)});
  ReadRound();
  source_.QueueOverrun(SocketId::kLife);
  source_.Queue(SocketId::kLife, {Fork(11, 108)});
  source_.Drop(SocketId::kLife, 5);
  source_.Drop(SocketId::kAttribute, 2);

  EXPECT_TRUE(ReadRound().lost);
  EXPECT_EQ(source_.probes(), 2) << "to learn what came after the last drop";
  source_.Queue(SocketId::kLife, {FakeDatagram(kWhatNone, {22}, 109, 0)});
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(ReadRound().lost);

  EXPECT_EQ(stats_.dropped[0], 5u);
  EXPECT_EQ(stats_.dropped[1], 2u);
  EXPECT_EQ(stats_.overruns, 1u);
  EXPECT_EQ(stats_.lost_in_kernel, 0u) << "7 numbers are missing, 7 were dropped";
}

TEST_F(EventStreamTest, ALossOfAttributesIsNoneOfLife) {
  source_.Drop(SocketId::kAttribute, 5);
  Round round = ReadRound();
  EXPECT_TRUE(round.lost);
  EXPECT_FALSE(round.life_lost);
  source_.Drop(SocketId::kLife, 1);
  round = ReadRound();
  EXPECT_TRUE(round.lost);
  EXPECT_TRUE(round.life_lost);
}

TEST_F(EventStreamTest, AFloodOfAttributesIsReadAtAPace) {
  for (uint32_t i = 0; i < 24; ++i) {
    source_.Queue(SocketId::kAttribute, {FakeDatagram(kWhatComm, {50 + i, 50 + i}, 100 + i)});
  }
  source_.AdvanceTo(kSecondNs);
  EXPECT_FALSE(ReadRound().drained);
  EXPECT_FALSE(ReadRound().drained);
  EXPECT_EQ(delivered_.size(), 16u) << "what a burst may have";

  source_.AdvanceTo(kSecondNs + 6'000'000);
  source_.Queue(SocketId::kLife, {Fork(10, 124)});
  const Round round = ReadRound();

  EXPECT_TRUE(round.life_drained);
  EXPECT_FALSE(round.drained);
  EXPECT_EQ(delivered_.size(), 18u) << "one batch each 5 ms";
  EXPECT_FALSE(ReadRound().drained);
  EXPECT_EQ(delivered_.size(), 18u);
}

TEST_F(EventStreamTest, AScrapeReadsTheFloodFurther) {
  for (uint32_t i = 0; i < 30; ++i) {
    source_.Queue(SocketId::kAttribute, {FakeDatagram(kWhatComm, {50 + i, 50 + i}, 100 + i)});
  }
  EXPECT_FALSE(ReadRound().drained);
  EXPECT_EQ(delivered_.size(), 16u);
  EXPECT_TRUE(ReadRound(/*thorough=*/true).drained);
  EXPECT_EQ(delivered_.size(), 30u);
}

TEST_F(EventStreamTest, AStormIsReadInABoundedRound) {
  for (uint32_t i = 0; i < 40; ++i) source_.Queue(SocketId::kLife, {Fork(1000 + i, 100 + i)});

  EXPECT_FALSE(ReadRound().life_drained);
  EXPECT_EQ(delivered_.size(), 32u);
  EXPECT_TRUE(ReadRound().life_drained);
  EXPECT_EQ(delivered_.size(), 40u);
}

TEST_F(EventStreamTest, AnAttributeAfterTheLifeSocketWasReadWaitsForTheLifeEventsBeforeIt) {
  // The life socket is found empty at second 1; then come a life event and an attribute event.
  source_.Queue(SocketId::kAttribute,
                {FakeDatagram(kWhatUid, {20, 20, 1, 1}, 101, 0, kSecondNs + 9)});

  const Round round = ReadRound();
  EXPECT_TRUE(delivered_.empty());
  EXPECT_FALSE(round.drained) << "it was received and not told";

  source_.AdvanceTo(2 * kSecondNs);
  source_.Queue(SocketId::kLife, {FakeDatagram(kWhatUid, {10, 10, 0, 0}, 100, 0, kSecondNs + 5)});
  EXPECT_TRUE(ReadRound().drained);
  EXPECT_THAT(delivered_, ElementsAre(10, 20));
}

TEST_F(EventStreamTest, WhatIsQueuedWhileTheSocketsAreReadIsMergedToo) {
  // A process alternates between root and nobody while the sockets are read, so that all of it is
  // newer than the clock's last look.
  source_.Queue(SocketId::kLife, {FakeDatagram(kWhatUid, {10, 10, 0, 0}, 101, 0, kSecondNs + 2),
                                  FakeDatagram(kWhatUid, {12, 12, 0, 0}, 103, 0, kSecondNs + 4)});
  source_.Queue(SocketId::kAttribute,
                {FakeDatagram(kWhatUid, {9, 9, 1, 1}, 100, 0, kSecondNs + 1),
                 FakeDatagram(kWhatUid, {11, 11, 1, 1}, 102, 0, kSecondNs + 3),
                 FakeDatagram(kWhatUid, {13, 13, 1, 1}, 104, 0, kSecondNs + 5)});

  ReadRound();
  EXPECT_THAT(delivered_, ElementsAre(9, 10, 11, 12))
      << "before the last another life event may come";

  source_.AdvanceTo(2 * kSecondNs);
  ReadRound();
  EXPECT_THAT(delivered_, ElementsAre(9, 10, 11, 12, 13));
}

TEST_F(EventStreamTest, WhatWasReadBeforeTheSourceBrokeIsTold) {
  source_.Queue(SocketId::kLife, {Fork(10, 100)});
  source_.Queue(SocketId::kLife, {Fork(11, 101)});
  source_.BreakAfterReads(1);

  EXPECT_FALSE(TryRound(false).ok());
  EXPECT_THAT(delivered_, ElementsAre(10));
}

TEST_F(EventStreamTest, ABrokenSourceIsAnError) {
  source_.Break();
  EXPECT_FALSE(TryRound(false).ok());
}

TEST_F(EventStreamTest, ANewSubscriptionStartsTheNumbersAnew) {
  source_.Queue(SocketId::kLife, {Fork(10, 100)});
  ReadRound();
  ASSERT_TRUE(stream_.OnSubscribed(/*probe=*/true).ok());
  source_.Queue(SocketId::kLife, {FakeDatagram(kWhatNone, {22}, 7000, 0), Fork(11, 7001)});

  for (int i = 0; i < 3; ++i) ReadRound();

  EXPECT_EQ(stats_.lost(), 0u);
  EXPECT_THAT(delivered_, ElementsAre(10, 11));
}

TEST_F(EventStreamTest, AProbeThatTakesItsTimeDelaysNoLifeEvent) {
  // Given a subscription whose probe has not come by every CPU yet
  source_.HoldProbe(true);
  ASSERT_TRUE(stream_.OnSubscribed(/*probe=*/true).ok());
  source_.Queue(SocketId::kLife, {FakeDatagram(kWhatNone, {22}, 7000, 0), Fork(10, 7001)});
  source_.Queue(SocketId::kAttribute, {FakeDatagram(kWhatComm, {50, 50}, 7002)});
  // When the stream is read
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(ReadRound().drained);
  // Then attributes alone wait for it, and nothing is taken for lost meanwhile
  EXPECT_THAT(delivered_, ElementsAre(10));
  source_.HoldProbe(false);
  source_.Queue(SocketId::kLife, {FakeDatagram(kWhatNone, {22}, 900, 1), Fork(11, 7003)});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(ReadRound().drained);
  EXPECT_THAT(delivered_, ElementsAre(10, 50, 11));
  EXPECT_EQ(stats_.lost(), 0u);
}

// A flood is on when the exporter starts: 3 renamings are dropped after the first number was drawn.
TEST_F(EventStreamTest, WhatAFloodDropsWhileTheNumbersStartIsCountedOnce) {
  source_.AdvanceTo(10 * kSecondNs);
  source_.DropWhileProbing(SocketId::kAttribute, 50);
  ASSERT_TRUE(stream_.OnSubscribed(/*probe=*/true).ok());
  source_.Queue(SocketId::kLife, {FakeDatagram(kWhatNone, {22}, 7000, 0)});
  ReadRound();
  source_.Queue(SocketId::kLife, {FakeDatagram(kWhatNone, {22}, 7004, 0)});

  for (int i = 0; i < 3; ++i) ReadRound();

  EXPECT_EQ(stats_.dropped[1], 50u);
  EXPECT_EQ(stats_.lost_in_kernel, 0u);
}

}  // namespace
}  // namespace cnproc
