// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/comm_message.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/collectors/kernel/fake_comm.h"

namespace cnproc {
namespace {

// A ring as perf keeps it: head and tail count on, the bytes go round.
class FakeRing {
 public:
  explicit FakeRing(size_t bytes, uint64_t born = 0) : bytes_(bytes), tail_(born), head_(born) {}

  void Write(const std::vector<std::byte>& record) {
    for (const std::byte byte : record) bytes_[head_++ % bytes_.size()] = byte;
  }
  void AdvanceHead(uint64_t bytes) { head_ += bytes; }
  // The names that were read, "lost N" for a loss.
  std::vector<std::string> Read() {
    std::vector<std::byte> bytes;
    std::vector<size_t> ends;
    whole_ = AppendCommMessages(bytes_, tail_, head_, /*cpu=*/3, bytes, ends);
    tail_ = head_;
    std::vector<std::string> names;
    size_t begin = 0;
    for (const size_t end : ends) {
      const CommMessage message = DecodeCommMessage(std::span(bytes).subspan(begin, end - begin));
      begin = end;
      names.push_back(message.kind == CommMessageKind::kLost
                          ? "lost " + std::to_string(message.lost)
                          : std::string(message.record.name()));
    }
    return names;
  }
  bool whole() const { return whole_; }

 private:
  std::vector<std::byte> bytes_;
  uint64_t tail_;
  uint64_t head_;
  bool whole_ = false;
};

using Names = std::vector<std::string>;

TEST(CommMessageTest, ARecordIsDecoded) {
  const CommMessage message =
      DecodeCommMessage(FakeCommDatagram(FakeCommRecord(7, 8, "bash", 123)));
  ASSERT_EQ(message.kind, CommMessageKind::kRecord);
  EXPECT_EQ(message.record.tgid, 7);
  EXPECT_EQ(message.record.tid, 8);
  EXPECT_EQ(message.record.name(), "bash");
  EXPECT_EQ(message.record.timestamp_ns, 123);
  EXPECT_EQ(message.timestamp_ns, 123);
  EXPECT_TRUE(message.record.is_exec);
}

TEST(CommMessageTest, ARenameIsToldFromAnExec) {
  const CommMessage message =
      DecodeCommMessage(FakeCommDatagram(FakeCommRecord(7, 7, "node-MainThread", 123, false)));
  ASSERT_EQ(message.kind, CommMessageKind::kRecord);
  EXPECT_FALSE(message.record.is_exec);
  EXPECT_EQ(message.record.name(), "node-MainThread") << "15 bytes, the longest there is";
}

TEST(CommMessageTest, ALossIsDecoded) {
  const CommMessage message = DecodeCommMessage(FakeCommDatagram(FakeLostRecord(42, 123)));
  ASSERT_EQ(message.kind, CommMessageKind::kLost);
  EXPECT_EQ(message.lost, 42u);
  EXPECT_EQ(message.timestamp_ns, 123);
}

TEST(CommMessageTest, ANameThatNoKernelWritesIsCut) {
  const CommMessage message = DecodeCommMessage(
      FakeCommDatagram(FakeCommRecord(7, 7, "a name that is longer than any comm", 1)));
  ASSERT_EQ(message.kind, CommMessageKind::kRecord);
  EXPECT_EQ(message.record.name(), "a name that is ");
}

TEST(CommMessageTest, EveryCutIsMalformed) {
  for (const std::vector<std::byte>& record :
       {FakeCommRecord(7, 7, "bash", 1), FakeLostRecord(1, 1)}) {
    const std::vector<std::byte> whole = FakeCommDatagram(record);
    for (size_t length = 0; length < whole.size(); ++length) {
      const std::vector<std::byte> cut(whole.begin(),
                                       whole.begin() + static_cast<std::ptrdiff_t>(length));
      EXPECT_EQ(DecodeCommMessage(cut).kind, CommMessageKind::kMalformed) << length;
    }
  }
}

TEST(CommMessageTest, ARecordTooShortForItsTypeIsMalformed) {
  for (const uint32_t type : {2u, 3u}) {
    for (size_t body = 0; body < 16; ++body) {
      const std::vector<std::byte> record =
          FakePerfRecord(type, 1 << 13, std::vector<std::byte>(body));
      EXPECT_EQ(DecodeCommMessage(FakeCommDatagram(record)).kind, CommMessageKind::kMalformed);
    }
  }
}

TEST(CommMessageTest, OtherRecordsArePassedOver) {
  const CommMessage message =
      DecodeCommMessage(FakeCommDatagram(FakePerfRecord(9, 0, std::vector<std::byte>(24))));
  EXPECT_EQ(message.kind, CommMessageKind::kOther);
}

TEST(CommRingTest, HoldsExecsAndLossesAndNoRenames) {
  FakeRing ring(4096);
  ring.Write(FakeCommRecord(1, 1, "one", 10));
  ring.Write(FakeCommRecord(1, 1, "renamed", 11, /*is_exec=*/false));
  ring.Write(FakeLostRecord(5, 12));
  ring.Write(FakePerfRecord(4, 0, std::vector<std::byte>(40)));  // PERF_RECORD_EXIT
  ring.Write(FakeCommRecord(2, 2, "two", 13));
  EXPECT_EQ(ring.Read(), (Names{"one", "lost 5", "two"}));
  EXPECT_TRUE(ring.whole());
  EXPECT_EQ(ring.Read(), Names{}) << "once";
}

TEST(CommRingTest, RecordsGoRoundItsEnd) {
  // Given rings that begin at each place that a record can begin at
  for (uint64_t born = 0; born < 128; born += 8) {
    FakeRing ring(128, born);
    for (int i = 0; i < 10; ++i) {
      // When records are written one after the other, then each is read as it was.
      ring.Write(FakeCommRecord(1, 1, "a-comm-of-15-by", 10));
      ring.Write(FakeCommRecord(1, 1, std::to_string(i), 10));
      EXPECT_EQ(ring.Read(), (Names{"a-comm-of-15-by", std::to_string(i)})) << born;
    }
  }
}

TEST(CommRingTest, ACountThatWrapsIsNoEnd) {
  FakeRing ring(128, UINT64_MAX - 15);
  ring.Write(FakeCommRecord(1, 1, "wraps", 10));
  EXPECT_EQ(ring.Read(), Names{"wraps"});
}

TEST(CommRingTest, WhatIsNoRecordGivesUpTheRest) {
  // A size of 0 would be read for ever, one beyond the head is of bytes that are not written yet.
  for (const uint16_t size : {uint16_t{0}, uint16_t{7}, uint16_t{41}, uint16_t{65535}}) {
    FakeRing ring(128);
    ring.Write(FakeCommRecord(1, 1, "good", 10));
    std::vector<std::byte> bad = FakeCommRecord(1, 1, "bad", 11);
    std::memcpy(bad.data() + 6, &size, sizeof(size));
    ring.Write(bad);
    EXPECT_EQ(ring.Read(), Names{"good"}) << size;
    EXPECT_FALSE(ring.whole());
    ring.Write(FakeCommRecord(1, 1, "after", 12));
    EXPECT_EQ(ring.Read(), Names{"after"}) << "the next is read again";
  }
}

TEST(CommRingTest, AHeadThatNoRingCanHaveGivesNothing) {
  FakeRing ring(128);
  ring.Write(FakeCommRecord(1, 1, "good", 10));
  ring.AdvanceHead(1000);
  EXPECT_EQ(ring.Read(), Names{});
  EXPECT_FALSE(ring.whole());
}

}  // namespace
}  // namespace cnproc
