// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/pcap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "collectors/kernel/cn_proc.h"
#include "collectors/kernel/comm_message.h"
#include "collectors/kernel/recorder.h"
#include "collectors/kernel/replay.h"
#include "tests/collectors/kernel/fake_comm.h"
#include "tests/collectors/kernel/fake_source.h"

namespace cnproc {
namespace {

using testing::HasSubstr;

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kUnixOffsetNs = 1'700'000'000 * kSecondNs;

class PcapTest : public testing::Test {
 protected:
  PcapTest() {
    path_ = testing::TempDir() + "pcap_test." + std::to_string(getpid());
    AppendPcapFileHeader(file_);
  }
  ~PcapTest() override { unlink(path_.c_str()); }

  void Append(const std::vector<std::byte>& bytes, SocketId socket, int64_t received_ns,
              uint32_t sender_port = 0) {
    AppendPcapPacket(
        {.socket = socket, .sender_port = sender_port, .received_ns = received_ns, .bytes = bytes},
        received_ns + kUnixOffsetNs, file_);
  }
  const std::string& Write() {
    std::ofstream(path_, std::ios::binary) << file_;
    return path_;
  }
  // What replaying the file says is wrong with it.
  std::string Complaint() {
    const auto replay = Replay::Open({.path = Write()});
    return replay.ok() ? "" : std::string(replay.status().message());
  }

  std::string path_;
  std::string file_;
};

TEST_F(PcapTest, WhatWasWrittenIsRead) {
  const std::vector<std::byte> fork = FakeDatagram(kWhatFork, {1, 1, 10, 10}, 5, 1, 7 * kSecondNs);
  Append(fork, SocketId::kAttribute, 7 * kSecondNs + 2'000'000, 4711);

  auto reader = PcapReader::Open(Write());
  ASSERT_TRUE(reader.ok()) << reader.status();
  RecordedDatagram datagram;
  ASSERT_TRUE(*(*reader)->Next(datagram));
  EXPECT_EQ(datagram.socket, SocketId::kAttribute);
  EXPECT_EQ(datagram.sender_port, 4711u);
  EXPECT_EQ(datagram.unix_ns, 7 * kSecondNs + 2'000'000 + kUnixOffsetNs);
  EXPECT_EQ(datagram.bytes, fork);
  EXPECT_FALSE(*(*reader)->Next(datagram));
}

TEST_F(PcapTest, TheTimeOfReceiptIsThatOfTheEventsClock) {
  // Beyond 32 bits of microseconds: 71 minutes.
  const int64_t event_ns = 100'000 * kSecondNs;
  Append(FakeDatagram(kWhatFork, {1, 1, 10, 10}, 5, 1, event_ns), SocketId::kLife,
         event_ns + 3'000'000);

  auto reader = PcapReader::Open(Write());
  RecordedDatagram datagram;
  ASSERT_TRUE(*(*reader)->Next(datagram));
  EXPECT_EQ(datagram.received_ns, event_ns + 3'000'000);
}

TEST_F(PcapTest, EachKindOfBrokenFileIsNamed) {
  const std::string header = file_;
  file_ = "";
  EXPECT_THAT(Complaint(), AllOf(HasSubstr(path_), HasSubstr("empty")));
  file_ = header.substr(0, 10);
  EXPECT_THAT(Complaint(), AllOf(HasSubstr(path_), HasSubstr("cut")));
  file_ = "this is a text file and no pcap at all";
  EXPECT_THAT(Complaint(), AllOf(HasSubstr(path_), HasSubstr("no pcap")));
  file_ = header;
  file_[20] = 1;  // link type Ethernet
  EXPECT_THAT(Complaint(), AllOf(HasSubstr(path_), HasSubstr("link type is 1")));
  file_ = header;
  EXPECT_THAT(Complaint(), AllOf(HasSubstr(path_), HasSubstr("no event")));
  EXPECT_THAT(std::string(Replay::Open({.path = "/does/not/exist"}).status().message()),
              HasSubstr("/does/not/exist"));
}

TEST_F(PcapTest, EveryCutWithinAPacketIsFound) {
  Append(FakeDatagram(kWhatFork, {1, 1, 10, 10}), SocketId::kLife, 5);
  const std::string whole = file_;
  for (size_t length = 25; length < whole.size(); ++length) {
    file_ = whole.substr(0, length);
    EXPECT_THAT(Complaint(), HasSubstr("cut")) << length;
  }
}

TEST_F(PcapTest, APacketOfAbsurdLengthIsRefused) {
  Append(FakeDatagram(kWhatFork, {1, 1, 10, 10}), SocketId::kLife, 5);
  const uint32_t length = 0xffffffff;
  std::memcpy(file_.data() + 24 + 8, &length, sizeof(length));
  EXPECT_THAT(Complaint(), HasSubstr("claims"));
}

TEST_F(PcapTest, AReplayGivesTheBatchesOfTheRecording) {
  for (const int64_t at_ms : {10, 10, 12}) {
    Append(FakeDatagram(kWhatFork, {1, 1, 10, 10}, 1, 0, 1'000'000), SocketId::kLife,
           at_ms * 1'000'000);
  }
  Append(FakeDatagram(kWhatComm, {1, 1}, 1, 0, 2'000'000), SocketId::kAttribute, 13'000'000);
  auto replay = Replay::Open({.path = Write(), .speed = 0});
  ASSERT_TRUE(replay.ok()) << replay.status();

  EXPECT_EQ((*replay)->Read(SocketId::kLife)->datagrams.size(), 2u);
  EXPECT_EQ((*replay)->Read(SocketId::kLife)->datagrams.size(), 1u);
  EXPECT_EQ((*replay)->Read(SocketId::kAttribute)->datagrams.size(), 1u);
  EXPECT_TRUE((*replay)->Ended().ok()) << "until somebody asked for more";
  EXPECT_EQ((*replay)->Read(SocketId::kLife)->datagrams.size(), 0u);
  EXPECT_THAT(std::string((*replay)->Ended().message()), HasSubstr("has ended"));
}

// Who recorded may have read much of one socket before it came to the other.
TEST_F(PcapTest, AReplayGivesThingsInTheOrderInWhichTheyHappened) {
  for (const int64_t at_ns : {20, 40, 60}) {
    Append(FakeDatagram(kWhatUid, {10, 10, 0, 0}, 1, 0, at_ns), SocketId::kLife, 100'000);
  }
  for (const int64_t at_ns : {10, 30, 50, 70}) {
    Append(FakeDatagram(kWhatUid, {10, 10, 1, 1}, 1, 0, at_ns), SocketId::kAttribute, 200'000);
  }
  auto replay = Replay::Open({.path = Write(), .speed = 0});
  ASSERT_TRUE(replay.ok()) << replay.status();

  std::vector<int64_t> order;
  for (int round = 0; round < 8; ++round) {
    for (const SocketId socket : {SocketId::kLife, SocketId::kAttribute}) {
      const absl::StatusOr<SourceRead> read = (*replay)->Read(socket);
      for (const Datagram& datagram : read->datagrams) {
        order.push_back(DecodeConnectorMessage(datagram).event.timestamp_ns);
      }
    }
  }
  EXPECT_THAT(order, testing::ElementsAre(10, 20, 30, 40, 50, 60, 70));
}

// Names are read after the events that need them, and from the rings of several CPUs.
TEST_F(PcapTest, AReplayGivesNamesWithTheEventsThatNeedThem) {
  // Given two execs, each received before its name was,
  const auto append_exec = [this](int64_t at_ns, uint32_t pid, const char* comm) {
    Append(FakeDatagram(kWhatExec, {pid, pid}, 1, 0, at_ns), SocketId::kLife, at_ns + 1'000'000);
    Append(FakeCommDatagram(FakeCommRecord(pid, pid, comm, at_ns - 5)), SocketId::kComm,
           at_ns + 2'000'000);
  };
  append_exec(1 * kSecondNs, 7, "first");
  append_exec(2 * kSecondNs, 8, "second");
  auto replay = Replay::Open({.path = Write(), .speed = 0});
  ASSERT_TRUE(replay.ok()) << replay.status();
  EXPECT_TRUE((*replay)->GivesNames().ok());
  // when one is handed out, then its name is there, and the other's is not yet.
  for (const char* name : {"first", "second"}) {
    ASSERT_EQ((*replay)->Read(SocketId::kLife)->datagrams.size(), 1u);
    const absl::StatusOr<SourceRead> names = (*replay)->Read(SocketId::kComm);
    ASSERT_EQ(names->datagrams.size(), 1u);
    EXPECT_EQ(names->datagrams[0].socket, SocketId::kComm);
    EXPECT_EQ(DecodeCommMessage(names->datagrams[0].bytes).record.name(), name);
    EXPECT_EQ((*replay)->Read(SocketId::kComm)->datagrams.size(), 0u);
  }
}

TEST_F(PcapTest, ALoopShiftsTheTimesOfNamesToo) {
  Append(FakeDatagram(kWhatExec, {7, 7}, 1, 0, kSecondNs), SocketId::kLife, kSecondNs);
  Append(FakeCommDatagram(FakeCommRecord(7, 7, "again", kSecondNs - 5)), SocketId::kComm,
         kSecondNs);
  auto replay = Replay::Open({.path = Write(), .speed = 0, .loop = true});
  ASSERT_TRUE(replay.ok()) << replay.status();
  for (int pass = 0; pass < 3;) {
    const absl::StatusOr<SourceRead> events = (*replay)->Read(SocketId::kLife);
    if (events->datagrams.empty()) continue;
    const int64_t exec_ns = DecodeConnectorMessage(events->datagrams[0]).event.timestamp_ns;
    const absl::StatusOr<SourceRead> names = (*replay)->Read(SocketId::kComm);
    ASSERT_EQ(names->datagrams.size(), 1u) << pass;
    EXPECT_EQ(DecodeCommMessage(names->datagrams[0].bytes).timestamp_ns, exec_ns - 5);
    ++pass;
  }
}

TEST_F(PcapTest, AnOlderRecordingHasNoNames) {
  Append(FakeDatagram(kWhatExec, {7, 7}, 1, 0, kSecondNs), SocketId::kLife, kSecondNs);
  auto replay = Replay::Open({.path = Write(), .speed = 0});
  ASSERT_TRUE(replay.ok()) << replay.status();
  EXPECT_THAT(std::string((*replay)->GivesNames().message()), HasSubstr("no names"));
  EXPECT_EQ((*replay)->Read(SocketId::kComm)->datagrams.size(), 0u);
}

TEST_F(PcapTest, NamesAloneAreNoRecording) {
  Append(FakeCommDatagram(FakeCommRecord(7, 7, "alone", kSecondNs)), SocketId::kComm, kSecondNs);
  EXPECT_THAT(Complaint(), HasSubstr("no event"));
}

TEST_F(PcapTest, AMalformedNameIsHandedOnAsItIs) {
  Append(FakeDatagram(kWhatExec, {7, 7}, 1, 0, kSecondNs), SocketId::kLife, kSecondNs);
  Append(std::vector<std::byte>(3), SocketId::kComm, kSecondNs);
  auto replay = Replay::Open({.path = Write(), .speed = 0});
  ASSERT_TRUE(replay.ok()) << replay.status();
  const absl::StatusOr<SourceRead> names = (*replay)->Read(SocketId::kComm);
  ASSERT_EQ(names->datagrams.size(), 1u);
  EXPECT_EQ(DecodeCommMessage(names->datagrams[0].bytes).kind, CommMessageKind::kMalformed);
}

TEST_F(PcapTest, ASocketThatDoesNotExistIsRefused) {
  Append(FakeDatagram(kWhatFork, {1, 1, 10, 10}), SocketId::kLife, 5);
  file_[24 + 16 + 8] = 3;
  EXPECT_THAT(Complaint(), HasSubstr("process connector"));
}

TEST_F(PcapTest, ALoopGoesOnWithTheClockAndTellsItsGapsInEachPass) {
  // Given a recording in which two of CPU 0's numbers are missing
  for (const uint32_t sequence : {1, 2, 5, 6}) {
    for (const SocketId socket : {SocketId::kLife, SocketId::kAttribute}) {
      Append(FakeDatagram(kWhatFork, {1, 1, 10, 10}, sequence, 0, 5 * kSecondNs), socket,
             5 * kSecondNs);
    }
  }
  auto replay = Replay::Open({.path = Write(), .speed = 0, .loop = true});
  ASSERT_TRUE(replay.ok()) << replay.status();

  int64_t last_ns = 0;
  int passes = 0;
  while (passes < 4) {
    const absl::StatusOr<SourceRead> read = (*replay)->Read(SocketId::kLife);
    if (!read->datagrams.empty()) {
      const Message message = DecodeConnectorMessage(read->datagrams.front());
      EXPECT_GT(message.event.timestamp_ns, last_ns);
      last_ns = message.event.timestamp_ns;
      ++passes;
    }
    EXPECT_TRUE((*replay)->Read(SocketId::kAttribute).ok());
  }
  EXPECT_EQ((*replay)->KnownLosses(), 2u * 4);
  EXPECT_TRUE((*replay)->Ended().ok());
}

TEST_F(PcapTest, ARecordingIsReplayedAsItWasRead) {
  auto fake = std::make_unique<FakeSource>();
  fake->AdvanceTo(9 * kSecondNs);
  const std::vector<std::byte> fork = FakeDatagram(kWhatFork, {1, 1, 10, 10}, 1, 0, kSecondNs);
  fake->Queue(SocketId::kLife, {fork, fork});
  fake->Queue(SocketId::kAttribute, {fork}, 4711);
  {
    auto recorder = Recorder::Create(path_, 1 << 20, [](const std::string&) {});
    ASSERT_TRUE(recorder.ok());
    RecordedSource source(std::move(fake), *std::move(recorder));
    EXPECT_EQ(source.Read(SocketId::kLife)->datagrams.size(), 2u);
    EXPECT_EQ(source.Read(SocketId::kAttribute)->datagrams.size(), 1u);
    EXPECT_EQ(source.Read(SocketId::kLife)->datagrams.size(), 0u);
  }
  auto replay = Replay::Open({.path = path_, .speed = 0});
  ASSERT_TRUE(replay.ok()) << replay.status();
  const auto attributes = (*replay)->Read(SocketId::kAttribute);
  ASSERT_EQ(attributes->datagrams.size(), 1u);
  EXPECT_EQ(attributes->datagrams[0].sender_port, 4711u);
  EXPECT_EQ((*replay)->Read(SocketId::kLife)->datagrams.size(), 2u);
}

TEST_F(PcapTest, ARecordingEndsAtItsLimitAsAWholeFile) {
  const std::vector<std::byte> fork = FakeDatagram(kWhatFork, {1, 1, 10, 10}, 1, 0, kSecondNs);
  const std::vector<Datagram> datagrams(100, Datagram{.received_ns = kSecondNs, .bytes = fork});
  std::string told;
  {
    auto recorder =
        Recorder::Create(path_, 1000, [&told](const std::string& message) { told = message; });
    ASSERT_TRUE(recorder.ok());
    (*recorder)->Record(datagrams, 0);
  }
  EXPECT_THAT(told, HasSubstr("record-max-size"));
  auto reader = PcapReader::Open(path_);
  ASSERT_TRUE(reader.ok());
  RecordedDatagram datagram;
  int packets = 0;
  for (absl::StatusOr<bool> more = true; *more;) {
    more = (*reader)->Next(datagram);
    ASSERT_TRUE(more.ok()) << more.status();
    packets += *more ? 1 : 0;
  }
  EXPECT_EQ(packets, (1000 - 24) / (16 + 16 + 76));
}

TEST_F(PcapTest, ARecordingThatCannotBeWrittenIsAnError) {
  const auto recorder =
      Recorder::Create("/does/not/exist/file", 1 << 20, [](const std::string&) {});
  EXPECT_THAT(std::string(recorder.status().message()), HasSubstr("/does/not/exist/file"));
}

}  // namespace
}  // namespace cnproc
