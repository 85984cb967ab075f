// SPDX-License-Identifier: Apache-2.0
// What can be said of the rings without a kernel that grants them: tests/e2e has the rest.
#include "collectors/kernel/comm_rings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cerrno>
#include <string>

namespace cnproc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;

TEST(CpuListTest, ReadsWhatSysfsWrites) {
  EXPECT_THAT(ParseCpuList("0"), Optional(ElementsAre(0)));
  EXPECT_THAT(ParseCpuList("0-3"), Optional(ElementsAre(0, 1, 2, 3)));
  EXPECT_THAT(ParseCpuList("0-1,4,6-7"), Optional(ElementsAre(0, 1, 4, 6, 7)));
}

TEST(CpuListTest, RefusesWhatIsNone) {
  for (const char* text : {"", "-", "x", "1-", "-1", "3-1", "0,,1", "0-9999999", "0 1", "0-1-2",
                           "99999999999999999999", "0-8191,0-8191"}) {
    EXPECT_FALSE(ParseCpuList(text)) << text;
  }
}

TEST(CommRingBytesTest, AllRingsTogetherAreBounded) {
  constexpr size_t kPage = 4096;
  EXPECT_EQ(CommRingBytes(1, kPage), 128u << 10) << "within perf_event_mlock_kb's 516 KiB";
  EXPECT_EQ(CommRingBytes(64, kPage), 128u << 10);
  EXPECT_EQ(CommRingBytes(96, kPage), 64u << 10);
  EXPECT_EQ(CommRingBytes(1024, kPage), 8u << 10);
  EXPECT_EQ(CommRingBytes(8192, kPage), kPage) << "less than a page is none";
  EXPECT_EQ(CommRingBytes(8, size_t{64} << 10), 128u << 10);
  EXPECT_EQ(CommRingBytes(1024, size_t{64} << 10), 64u << 10);
  for (size_t cpus = 1; cpus < 2048; ++cpus) {
    EXPECT_TRUE(std::has_single_bit(CommRingBytes(cpus, kPage))) << cpus;
    EXPECT_LE(cpus * CommRingBytes(cpus, kPage), 8u << 20) << cpus;
  }
}

std::string Advice(int error, std::optional<int> paranoid, bool perfmon, bool sys_admin) {
  return std::string(AdviseOnPerfEvent(error, paranoid, perfmon, sys_admin).message());
}

TEST(PerfEventAdviceTest, SaysWhichCapabilityIsMissing) {
  EXPECT_THAT(Advice(EACCES, 2, false, false), HasSubstr("CAP_PERFMON"));
  EXPECT_THAT(Advice(EACCES, 1, false, false), HasSubstr("CAP_PERFMON"));
  EXPECT_THAT(Advice(EPERM, std::nullopt, false, false), HasSubstr("CAP_PERFMON"));
}

TEST(PerfEventAdviceTest, SaysWhichSysctlAsksForMore) {
  for (const int level : {3, 4}) {
    for (const bool perfmon : {true, false}) {
      const std::string advice = Advice(EACCES, level, perfmon, false);
      EXPECT_THAT(advice, HasSubstr("perf_event_paranoid is " + std::to_string(level)));
      EXPECT_THAT(advice, HasSubstr("sysctl to 2"));
      EXPECT_THAT(advice, HasSubstr("CAP_SYS_ADMIN"));
      EXPECT_THAT(advice, HasSubstr("perf.conf"));
      EXPECT_EQ(advice.find("grant CAP_PERFMON") == std::string::npos, perfmon) << advice;
    }
  }
}

TEST(PerfEventAdviceTest, SaysWhatElseRefuses) {
  EXPECT_THAT(Advice(EPERM, 2, true, false), HasSubstr("seccomp"));
  EXPECT_THAT(Advice(EACCES, 4, false, true), HasSubstr("seccomp"));
  EXPECT_TRUE(absl::IsUnimplemented(AdviseOnPerfEvent(ENOSYS, 2, true, true)));
  EXPECT_THAT(Advice(EMFILE, 2, true, true), HasSubstr("perf event"));
}

}  // namespace
}  // namespace cnproc
