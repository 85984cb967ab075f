// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/taskstats.h"

#include <gtest/gtest.h>
#include <linux/acct.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/taskstats.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <vector>

#include "collectors/process/cpu_time.h"

namespace cnproc {
namespace {

using Buffer = std::vector<std::byte>;

constexpr uint16_t kFamily = 0x1b;
constexpr int32_t kTid = 4711;

template <typename T>
void Put(Buffer& buffer, size_t offset, T value) {
  std::memcpy(buffer.data() + offset, &value, sizeof(value));
}

Buffer Attribute(uint16_t type, const Buffer& value) {
  Buffer buffer(NLA_ALIGN(NLA_HDRLEN + value.size()));
  Put(buffer, 0,
      nlattr{.nla_len = static_cast<uint16_t>(NLA_HDRLEN + value.size()), .nla_type = type});
  std::copy(value.begin(), value.end(), buffer.begin() + NLA_HDRLEN);
  return buffer;
}

Buffer operator+(Buffer left, const Buffer& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

nlmsghdr Header(size_t size, uint16_t type) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<uint32_t>(size);
  header.nlmsg_type = type;
  return header;
}

Buffer Datagram(uint16_t type, uint8_t command, const Buffer& attributes) {
  Buffer buffer(NLMSG_HDRLEN + GENL_HDRLEN);
  buffer = buffer + attributes;
  Put(buffer, 0, Header(buffer.size(), type));
  Put(buffer, NLMSG_HDRLEN, genlmsghdr{.cmd = command, .version = 1, .reserved = 0});
  return buffer;
}

Buffer Number(int32_t value) {
  Buffer buffer(sizeof(value));
  Put(buffer, 0, value);
  return buffer;
}

// As the kernel pads: an empty attribute, so that the struct is aligned to 8 bytes.
Buffer RecordDatagram(const Buffer& stats) {
  return Datagram(kFamily, TASKSTATS_CMD_NEW,
                  Attribute(TASKSTATS_TYPE_AGGR_PID, Attribute(TASKSTATS_TYPE_PID, Number(kTid)) +
                                                         Attribute(TASKSTATS_TYPE_NULL, {}) +
                                                         Attribute(TASKSTATS_TYPE_STATS, stats)));
}

// struct taskstats of one version: `basic` and `group` are by how many bytes its fields stand
// further behind than version 13 of linux/taskstats.h says.
Buffer Stats(uint16_t version, size_t size, size_t basic = 0, size_t group = 0) {
  Buffer stats(size, std::byte{0xee});
  Put(stats, offsetof(taskstats, version), version);
  Put<uint32_t>(stats, offsetof(taskstats, ac_exitcode), 0x8b);
  Put<uint8_t>(stats, offsetof(taskstats, ac_flag), AFORK | AGROUP);
  std::memcpy(stats.data() + basic + offsetof(taskstats, ac_comm), "fifteen_letters", 16);
  Put<uint32_t>(stats, basic + offsetof(taskstats, ac_uid), 1000);
  Put<int32_t>(stats, basic + offsetof(taskstats, ac_pid), kTid);
  Put<int32_t>(stats, basic + offsetof(taskstats, ac_ppid), 4710);
  Put<uint64_t>(stats, basic + offsetof(taskstats, ac_etime), 5'000'001);
  Put<uint64_t>(stats, basic + offsetof(taskstats, ac_utime), 8'000);
  Put<uint64_t>(stats, basic + offsetof(taskstats, ac_stime), 4'000);
  Put<uint64_t>(stats, offsetof(taskstats, cpu_count), 12);
  Put<uint64_t>(stats, offsetof(taskstats, cpu_delay_total), 7'000'001);
  Put<uint64_t>(stats, basic + offsetof(taskstats, cpu_run_virtual_total), 13'000'007);
  Put<uint64_t>(stats, basic + offsetof(taskstats, ac_minflt), 101);
  Put<uint64_t>(stats, basic + offsetof(taskstats, ac_majflt), 3);
  Put<uint64_t>(stats, basic + offsetof(taskstats, hiwater_rss), 2'048);
  Put<uint64_t>(stats, basic + offsetof(taskstats, read_bytes), 4'096);
  Put<uint64_t>(stats, basic + offsetof(taskstats, write_bytes), 8'192);
  Put<uint64_t>(stats, basic + offsetof(taskstats, nvcsw), 9);
  Put<uint64_t>(stats, basic + offsetof(taskstats, nivcsw), 2);
  if (version >= 12) Put<int32_t>(stats, group + offsetof(taskstats, ac_tgid), kTid);
  return stats;
}

struct Version {
  uint16_t version;
  size_t size;
  size_t basic;
  size_t group;
};

// The sizes that Linux 5.10 to 7.2 send, and one of the future.
constexpr Version kVersions[] = {{10, 352, 0, 0}, {11, 368, 0, 0}, {12, 400, 0, 0},
                                 {13, 416, 0, 0}, {14, 432, 0, 0}, {15, 560, 48, 96},
                                 {16, 560, 0, 0}, {17, 688, 0, 0}, {23, 1'200, 0, 0}};

TEST(TaskstatsTest, DecodesEveryVersion) {
  for (const Version& test : kVersions) {
    SCOPED_TRACE(test.version);
    const TaskstatsMessage message = DecodeTaskstats(
        RecordDatagram(Stats(test.version, test.size, test.basic, test.group)), kFamily);
    ASSERT_EQ(message.kind, TaskstatsKind::kRecord);
    const ExitRecord& record = message.record;
    EXPECT_STREQ(record.comm.data(), "fifteen_letters");
    EXPECT_EQ(record.tid, kTid);
    EXPECT_EQ(record.tgid, test.version >= 12 ? kTid : 0);
    EXPECT_EQ(record.parent_tgid, 4710);
    EXPECT_EQ(record.wait_status, 0x8bU);
    EXPECT_EQ(record.real_uid, 1000U);
    EXPECT_EQ(record.elapsed_us, 5'000'001);
    EXPECT_EQ(record.user_ticks_us, 8'000);
    EXPECT_EQ(record.system_ticks_us, 4'000);
    EXPECT_EQ(record.scheduled_ns, 13'000'007);
    EXPECT_EQ(record.run_delay_ns, 7'000'001);
    EXPECT_EQ(record.times_run, 12U);
    EXPECT_EQ(record.voluntary_switches, 9U);
    EXPECT_EQ(record.nonvoluntary_switches, 2U);
    EXPECT_EQ(record.minor_faults, 101U);
    EXPECT_EQ(record.major_faults, 3U);
    EXPECT_EQ(record.read_bytes, 4'096U);
    EXPECT_EQ(record.written_bytes, 8'192U);
    EXPECT_EQ(record.peak_resident_bytes, 2'048U * 1024);
    EXPECT_TRUE(record.never_execed);
    EXPECT_EQ(record.last_of_group, test.version >= 12);
  }
}

TEST(TaskstatsTest, RefusesALayoutThatIsNotWhatItsVersionSays) {
  // Given version 15 laid out as version 16 is, and the other way round
  for (const Version& test : {Version{15, 560, 0, 0}, Version{16, 560, 48, 96}}) {
    // Then the task's id gives it away.
    EXPECT_EQ(DecodeTaskstats(
                  RecordDatagram(Stats(test.version, test.size, test.basic, test.group)), kFamily)
                  .kind,
              TaskstatsKind::kMalformed);
  }
}

TEST(TaskstatsTest, RefusesVersionsOlderThanLinux510) {
  EXPECT_EQ(DecodeTaskstats(RecordDatagram(Stats(9, 344)), kFamily).kind,
            TaskstatsKind::kUnsupported);
}

TEST(TaskstatsTest, TimesThatNoTaskCanHaveLivedDoNotOverflow) {
  Buffer stats = Stats(13, 416);
  for (const size_t offset :
       {offsetof(taskstats, cpu_delay_total), offsetof(taskstats, cpu_run_virtual_total),
        offsetof(taskstats, ac_etime), offsetof(taskstats, ac_utime),
        offsetof(taskstats, ac_stime)}) {
    Put<uint64_t>(stats, offset, UINT64_MAX);
  }
  for (const uint64_t times_run : {0, 1}) {
    Put<uint64_t>(stats, offsetof(taskstats, cpu_count), times_run);
    const ExitRecord record = DecodeTaskstats(RecordDatagram(stats), kFamily).record;
    EXPECT_GT(record.elapsed_us, 0);
    const CpuTime cpu = CpuTimeOf(record, 4'000'000);
    EXPECT_GT(cpu.user_us(), 0);
    EXPECT_GT(cpu.system_us(), 0);
  }
}

TEST(TaskstatsTest, NeverReadsPastTheEnd) {
  // Given a record cut at every length, each in memory of exactly its size
  const Buffer whole = RecordDatagram(Stats(13, 416));
  for (size_t size = 0; size < whole.size(); ++size) {
    const Buffer cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    // Then it is no record, for the attributes' lengths do not fit any more.
    EXPECT_NE(DecodeTaskstats(cut, kFamily).kind, TaskstatsKind::kRecord) << size;
  }
  for (size_t size = 0; size < 416; ++size) {
    Buffer stats = Stats(13, 416);
    stats.resize(size);
    const bool has_all = size >= offsetof(taskstats, ac_tgid) + sizeof(uint32_t);
    EXPECT_EQ(DecodeTaskstats(RecordDatagram(stats), kFamily).kind,
              has_all ? TaskstatsKind::kRecord : TaskstatsKind::kMalformed)
        << size;
  }
}

TEST(TaskstatsTest, TakesTheTasksOwnPartWhereTheGroupsPartFollows) {
  const Buffer group =
      Attribute(TASKSTATS_TYPE_AGGR_TGID, Attribute(TASKSTATS_TYPE_TGID, Number(1)) +
                                              Attribute(TASKSTATS_TYPE_STATS, Buffer(416)));
  EXPECT_EQ(DecodeTaskstats(RecordDatagram(Stats(13, 416)) + group, kFamily).record.tid, kTid);
}

TEST(TaskstatsTest, TellsRepliesFromRecords) {
  Buffer error(NLMSG_HDRLEN + sizeof(int32_t));
  Put(error, 0, Header(error.size(), NLMSG_ERROR));
  Put<int32_t>(error, NLMSG_HDRLEN, -EPERM);
  EXPECT_EQ(DecodeTaskstats(error, kFamily).kind, TaskstatsKind::kReply);
  EXPECT_EQ(DecodeTaskstats(error, kFamily).reply_errno, EPERM);
  Put<int32_t>(error, NLMSG_HDRLEN, INT32_MIN);  // forged: its negative is no int32_t
  EXPECT_NE(DecodeTaskstats(error, kFamily).reply_errno, 0);

  const Buffer other_family = Datagram(kFamily + 1, TASKSTATS_CMD_NEW, {});
  EXPECT_EQ(DecodeTaskstats(other_family, kFamily).kind, TaskstatsKind::kMalformed);
  const Buffer other_command = Datagram(kFamily, TASKSTATS_CMD_GET, {});
  EXPECT_EQ(DecodeTaskstats(other_command, kFamily).kind, TaskstatsKind::kMalformed);
}

TEST(TaskstatsTest, ReadsTheFamilysNumber) {
  Buffer id(sizeof(uint16_t));
  Put(id, 0, kFamily);
  const Buffer name = Attribute(CTRL_ATTR_FAMILY_NAME, Buffer(10, std::byte{'T'}));
  EXPECT_EQ(DecodeFamilyReply(Datagram(GENL_ID_CTRL, CTRL_CMD_NEWFAMILY,
                                       name + Attribute(CTRL_ATTR_FAMILY_ID, id))),
            kFamily);
  EXPECT_EQ(DecodeFamilyReply(Datagram(GENL_ID_CTRL, CTRL_CMD_NEWFAMILY, name)), std::nullopt);
  EXPECT_EQ(DecodeFamilyReply({}), std::nullopt);
}

TEST(TaskstatsTest, EncodesARequestThatNamesTheCpus) {
  const Buffer request = EncodeRegisterRequest(kFamily, "0-3,8");
  ASSERT_EQ(request.size(), static_cast<size_t>(NLMSG_HDRLEN + GENL_HDRLEN + NLA_HDRLEN + 8));
  nlmsghdr header{};
  std::memcpy(&header, request.data(), sizeof(header));
  EXPECT_EQ(header.nlmsg_len, request.size());
  EXPECT_EQ(header.nlmsg_type, kFamily);
  EXPECT_EQ(header.nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
  nlattr attribute{};
  std::memcpy(&attribute, request.data() + NLMSG_HDRLEN + GENL_HDRLEN, sizeof(attribute));
  EXPECT_EQ(attribute.nla_type, TASKSTATS_CMD_ATTR_REGISTER_CPUMASK);
  EXPECT_EQ(attribute.nla_len, NLA_HDRLEN + 6);
  EXPECT_STREQ(
      reinterpret_cast<const char*>(request.data()) + NLMSG_HDRLEN + GENL_HDRLEN + NLA_HDRLEN,
      "0-3,8");
}

}  // namespace
}  // namespace cnproc
