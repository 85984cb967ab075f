// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/cn_proc.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "tests/collectors/kernel/fake_datagram.h"

namespace cnproc {
namespace {

Message Decode(const std::vector<std::byte>& bytes, uint32_t sender_port = 0) {
  return DecodeConnectorMessage({.sender_port = sender_port, .bytes = bytes});
}

TEST(CnProcTest, ForkNamesTheChildAndTheParent) {
  const Message message = Decode(FakeDatagram(kWhatFork, {3789, 3677, 4001, 4000}, 7, 2, 1234));

  ASSERT_EQ(message.kind, MessageKind::kEvent);
  EXPECT_EQ(message.sequence, 7u);
  EXPECT_EQ(message.cpu, 2u);
  EXPECT_EQ(message.event.type, EventType::kFork);
  EXPECT_EQ(message.event.timestamp_ns, 1234);
  EXPECT_EQ(message.event.tid, 4001);
  EXPECT_EQ(message.event.tgid, 4000);
  EXPECT_EQ(message.event.parent_tid, 3789);
  EXPECT_EQ(message.event.parent_tgid, 3677);
}

TEST(CnProcTest, ExitCarriesTheWaitStatusNotTheSignalToTheParent) {
  const Message message = Decode(FakeDatagram(kWhatExit, {42, 42, 77 << 8, 17, 1, 1}));

  ASSERT_EQ(message.kind, MessageKind::kEvent);
  EXPECT_EQ(message.event.type, EventType::kExit);
  EXPECT_EQ(message.event.wait_status, 77u << 8);
  EXPECT_EQ(message.event.parent_tgid, 1);
}

TEST(CnProcTest, EachEventTypeIsDecoded) {
  const std::vector<std::pair<uint32_t, EventType>> types = {
      {kWhatFork, EventType::kFork}, {kWhatExec, EventType::kExec},
      {kWhatUid, EventType::kUid},   {kWhatGid, EventType::kGid},
      {kWhatSid, EventType::kSid},   {kWhatPtrace, EventType::kPtrace},
      {kWhatComm, EventType::kComm}, {kWhatCoredump, EventType::kCoredump},
      {kWhatExit, EventType::kExit},
  };
  for (const auto& [what, type] : types) {
    const Message message = Decode(FakeDatagram(what, {11, 10, 9, 8}));
    ASSERT_EQ(message.kind, MessageKind::kEvent) << what;
    EXPECT_EQ(message.event.type, type) << what;
  }
}

TEST(CnProcTest, IdChangeCarriesRealAndEffectiveId) {
  const Event event = Decode(FakeDatagram(kWhatUid, {10, 10, 1000, 0})).event;

  EXPECT_EQ(event.real_id, 1000u);
  EXPECT_EQ(event.effective_id, 0u);
}

TEST(CnProcTest, PtraceNamesTheTracer) {
  const Event event = Decode(FakeDatagram(kWhatPtrace, {10, 10, 20, 21})).event;

  EXPECT_EQ(event.tgid, 10);
  EXPECT_EQ(event.parent_tid, 20);
  EXPECT_EQ(event.parent_tgid, 21);
}

TEST(CnProcTest, CommTellsWhoRenamedItself) {
  const Event event = Decode(FakeDatagram(kWhatComm, {11, 10})).event;

  EXPECT_EQ(event.type, EventType::kComm);
  EXPECT_EQ(event.tid, 11);
  EXPECT_EQ(event.tgid, 10);
}

TEST(CnProcTest, AckIsNoEventAndKeepsItsNumbers) {
  std::vector<std::byte> bytes = FakeDatagram(kWhatNone, {22}, 5, 1);
  const uint32_t ack = 0xdeadbeef;
  std::memcpy(bytes.data() + 16 + 12, &ack, sizeof(ack));

  const Message message = Decode(bytes);

  ASSERT_EQ(message.kind, MessageKind::kAck);
  EXPECT_EQ(message.ack, ack);
  EXPECT_EQ(message.ack_error, 22u);
  EXPECT_EQ(message.sequence, 5u);
}

TEST(CnProcTest, AnEventOfANewerKernelIsUnknownButNumbered) {
  const Message message = Decode(FakeDatagram(0x00000400, {1, 2}, 9, 3));

  EXPECT_EQ(message.kind, MessageKind::kUnknownEvent);
  EXPECT_EQ(message.sequence, 9u);
  EXPECT_EQ(message.cpu, 3u);
}

TEST(CnProcTest, APerfectForgeryIsToldByItsSenderAlone) {
  EXPECT_EQ(Decode(FakeDatagram(kWhatExit, {1, 1}), 4711).kind, MessageKind::kForeignSender);
}

TEST(CnProcTest, ALongerEventOfANewerKernelIsDecoded) {
  std::vector<std::byte> bytes = FakeDatagram(kWhatExec, {10, 10});
  bytes.resize(bytes.size() + 16);
  const uint32_t netlink_length = static_cast<uint32_t>(bytes.size());
  const uint16_t connector_length = kProcEventBytes + 16;
  std::memcpy(bytes.data(), &netlink_length, sizeof(netlink_length));
  std::memcpy(bytes.data() + 16 + 16, &connector_length, sizeof(connector_length));

  EXPECT_EQ(Decode(bytes).kind, MessageKind::kEvent);
}

TEST(CnProcTest, EveryShorterDatagramIsMalformed) {
  const std::vector<std::byte> whole = FakeDatagram(kWhatFork, {1, 1, 2, 2});
  for (size_t length = 0; length < whole.size(); ++length) {
    const std::vector<std::byte> cut(whole.begin(), whole.begin() + static_cast<long>(length));
    EXPECT_EQ(Decode(cut).kind, MessageKind::kMalformed) << length;
  }
}

TEST(CnProcTest, WrongHeadersAreMalformed) {
  const auto with = [](size_t offset, uint16_t value) {
    std::vector<std::byte> bytes = FakeDatagram(kWhatFork, {1, 1, 2, 2});
    std::memcpy(bytes.data() + offset, &value, sizeof(value));
    return Decode(bytes).kind;
  };
  EXPECT_EQ(with(0, 75), MessageKind::kMalformed) << "nlmsg_len";
  EXPECT_EQ(with(4, 2), MessageKind::kMalformed) << "nlmsg_type";
  EXPECT_EQ(with(16, 2), MessageKind::kMalformed) << "cb_id.idx";
  EXPECT_EQ(with(20, 2), MessageKind::kMalformed) << "cb_id.val";
  EXPECT_EQ(with(32, 39), MessageKind::kMalformed) << "cn_msg.len";
}

TEST(CnProcTest, RequestIsTheFourByteFormThatEveryKernelKnows) {
  const ConnectorRequest request = EncodeConnectorRequest(ConnectorOperation::kListen, 99);

  uint32_t ack = 0;
  uint32_t operation = 0;
  uint16_t length = 0;
  std::memcpy(&ack, request.data() + 28, sizeof(ack));
  std::memcpy(&length, request.data() + 32, sizeof(length));
  std::memcpy(&operation, request.data() + 36, sizeof(operation));
  EXPECT_EQ(request.size(), 40u);
  EXPECT_EQ(ack, 99u);
  EXPECT_EQ(length, 4u);
  EXPECT_EQ(operation, 1u);
}

}  // namespace
}  // namespace cnproc
