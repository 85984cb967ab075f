// SPDX-License-Identifier: Apache-2.0
// Given the kernel's own word for it, then the name of every exec is known, whatever the program
// does next. Needs CAP_PERFMON, as the exporter does.
#include "collectors/kernel/comm_rings.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "collectors/base/time.h"
#include "collectors/kernel/capability.h"
#include "collectors/kernel/comm_message.h"
#include "tests/e2e/who_lab.h"

namespace cnproc {
namespace {

using e2e::Fork;
using e2e::Wait;

constexpr uid_t kNobody = 65534;

class CommRingsTest : public testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<CommRings> rings = CommRings::Open();
    ASSERT_TRUE(rings.ok()) << rings.status();
    rings_.emplace(*std::move(rings));
  }

  // All names that came since the last call, in order, for each process.
  std::map<pid_t, std::vector<std::string>> Names() {
    std::vector<CommRecord> records;
    for (const Datagram& datagram : rings_->Read(MonotonicNs())) {
      const CommMessage message = DecodeCommMessage(datagram.bytes);
      if (message.kind == CommMessageKind::kLost) lost_ += message.lost;
      if (message.kind != CommMessageKind::kRecord) continue;
      EXPECT_TRUE(message.record.is_exec);
      EXPECT_LE(message.timestamp_ns, MonotonicNs());
      records.push_back(message.record);
    }
    std::stable_sort(records.begin(), records.end(),
                     [](const auto& a, const auto& b) { return a.timestamp_ns < b.timestamp_ns; });
    std::map<pid_t, std::vector<std::string>> names;
    for (const CommRecord& record : records) names[record.tgid].emplace_back(record.name());
    return names;
  }

  e2e::TempFolder folder_;
  std::optional<CommRings> rings_;
  uint64_t lost_ = 0;
};

// sh -c 'exec x': the first program is gone before anyone could ask /proc for it.
TEST_F(CommRingsTest, BothNamesOfEveryChain) {
  constexpr int kTimes = 1000;
  const std::string second = folder_.Path("cnp_second");
  std::filesystem::copy_file("/bin/true", second);
  const std::string command = "exec " + second;
  int right = 0;
  for (int i = 0; i < kTimes; ++i) {
    const pid_t pid = Fork([&] {
      execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      return 9;
    });
    ASSERT_EQ(Wait(pid), 0);
    right += Names()[pid] == std::vector<std::string>{"sh", "cnp_second"} ? 1 : 0;
  }
  EXPECT_EQ(right, kTimes);
  EXPECT_EQ(lost_, 0u);
}

TEST_F(CommRingsTest, AScriptHasItsOwnNameAndNotItsInterpreters) {
  const std::string script = folder_.Path("cnp_script");
  e2e::WriteFile(script, "#!/bin/sh\nexit 0\n");
  std::filesystem::permissions(script, std::filesystem::perms::all);
  const pid_t pid = Fork([&] {
    execl(script.c_str(), script.c_str(), nullptr);
    return 9;
  });
  ASSERT_EQ(Wait(pid), 0);
  EXPECT_EQ(Names()[pid], std::vector<std::string>{"cnp_script"});
}

TEST_F(CommRingsTest, ARenameIsNoExec) {
  const pid_t pid = Fork([] {
    prctl(PR_SET_NAME, "cnp_renamed");
    return 0;
  });
  ASSERT_EQ(Wait(pid), 0);
  EXPECT_TRUE(Names()[pid].empty());
}

// As a flood of renames leaves it: the ring of a CPU is full, and says so.
TEST_F(CommRingsTest, WhatARingCannotHoldIsCounted) {
  // All on one CPU: the next record on the one that was flooded tells.
  const int cpu = sched_getcpu();
  const auto pin = [cpu] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    return sched_setaffinity(0, sizeof(one), &one);
  };
  const pid_t pid = Fork([&] {
    if (pin() != 0) return 8;
    for (int i = 0; i < 20'000; ++i) prctl(PR_SET_NAME, "cnp_flood");
    return 0;
  });
  ASSERT_EQ(Wait(pid), 0);
  Names();
  Wait(Fork([&] {
    if (pin() != 0) return 8;
    execl("/bin/true", "true", nullptr);
    return 9;
  }));
  Names();
  EXPECT_GT(lost_, 10'000u);
  EXPECT_LT(lost_, 21'000u);
}

TEST_F(CommRingsTest, TheRecordIsOlderThanWhatTheProgramDoesAndYoungerThanItsFork) {
  const int64_t before_ns = MonotonicNs();
  const pid_t pid = Fork([] {
    execl("/bin/true", "true", nullptr);
    return 9;
  });
  Wait(pid);
  const int64_t after_ns = MonotonicNs();
  bool found = false;
  for (const Datagram& datagram : rings_->Read(after_ns)) {
    const CommMessage message = DecodeCommMessage(datagram.bytes);
    if (message.record.tgid != pid) continue;
    found = true;
    EXPECT_GT(message.timestamp_ns, before_ns);
    EXPECT_LT(message.timestamp_ns, after_ns);
  }
  EXPECT_TRUE(found);
}

TEST_F(CommRingsTest, TakesNoDescriptorAndBoundedMemory) {
  const auto descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                         std::filesystem::directory_iterator());
  };
  const auto before = descriptors();
  const absl::StatusOr<CommRings> more = CommRings::Open();
  ASSERT_TRUE(more.ok()) << more.status();
  EXPECT_EQ(descriptors(), before);
  EXPECT_EQ(more->size(), static_cast<size_t>(sysconf(_SC_NPROCESSORS_ONLN)));
  EXPECT_LE(more->bytes(), 8u << 20);
}

// What a child of ours that has only these rights finds.
// Makes this process nobody's, with one capability. Returns whether it worked.
bool BecomeNobodyWith(int capability) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  data[CAP_TO_INDEX(capability)].effective = CAP_TO_MASK(capability);
  data[CAP_TO_INDEX(capability)].permitted = CAP_TO_MASK(capability);
  return prctl(PR_SET_KEEPCAPS, 1) == 0 && setresuid(kNobody, kNobody, kNobody) == 0 &&
         syscall(SYS_capset, &header, data.data()) == 0;
}

TEST_F(CommRingsTest, NobodyWithPerfmonAloneOpensThem) {
  const int status = Wait(Fork([] {
    if (!BecomeNobodyWith(CAP_PERFMON)) return 9;
    const absl::StatusOr<CommRings> rings = CommRings::Open();
    if (!rings.ok()) std::cerr << rings.status() << '\n';
    return rings.ok() ? 0 : 1;
  }));
  EXPECT_EQ(status, 0);
}

TEST_F(CommRingsTest, NobodyWithoutAnythingIsToldWhatIsMissing) {
  const int status = Wait(Fork([] {
    if (setresuid(kNobody, kNobody, kNobody) != 0) return 9;
    const absl::StatusOr<CommRings> rings = CommRings::Open();
    return absl::IsPermissionDenied(rings.status()) &&
                   rings.status().message().find("CAP_PERFMON") != absl::string_view::npos
               ? 0
               : 1;
  }));
  EXPECT_EQ(status, 0);
}

TEST_F(CommRingsTest, GivenUpTheRightOpensNothingMoreAndWhatIsOpenGoesOn) {
  const int status = Wait(Fork([this] {
    // The rings of a parent are not its child's: the kernel does not copy their mappings, so what
    // the child maps can stand at the same addresses, and they must not be unmapped here.
    new CommRings(*std::move(rings_));
    absl::StatusOr<CommRings> own = CommRings::Open();
    if (!own.ok()) return 10;
    rings_.emplace(*std::move(own));
    for (const int capability : {CAP_PERFMON, CAP_SYS_ADMIN}) {
      if (!HasCapability(capability) || !GiveUpCapability(capability).ok()) return 9;
      if (HasCapability(capability)) return 8;
    }
    if (CommRings::Open().ok()) return 7;
    Names();
    const pid_t pid = Fork([] {
      execl("/bin/true", "true", nullptr);
      return 9;
    });
    Wait(pid);
    return Names()[pid] == std::vector<std::string>{"true"} ? 0 : 1;
  }));
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace cnproc
