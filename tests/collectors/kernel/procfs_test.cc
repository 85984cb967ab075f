// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/procfs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "collectors/base/time.h"

namespace cnproc {
namespace {

using testing::HasSubstr;

constexpr int64_t kNsPerTick = 10'000'000;

TEST(ParseStatTest, ReadsWhatIsNeeded) {
  ParsedStat parsed;
  ASSERT_TRUE(
      ParseStat("4711 (sleep) S 1 4711 4711 0 -1 4194304 100 0 0 0 0 0 0 0 20 0 3 0 250 0 0",
                kNsPerTick, 500'000'000, parsed));
  EXPECT_EQ(parsed.process.tgid, 4711);
  EXPECT_EQ(parsed.process.parent_tgid, 1);
  EXPECT_EQ(parsed.process.comm, "sleep");
  EXPECT_EQ(parsed.process.start_ns, 2'000'000'000);
  EXPECT_EQ(parsed.threads, 3u);
  EXPECT_FALSE(parsed.process.leader_exited);
  EXPECT_FALSE(parsed.process.kernel_thread);
}

TEST(ParseStatTest, ReadsWhatTheProcessHasUsed) {
  ParsedStat parsed;
  ASSERT_TRUE(ParseStat("7 (a b) R 1 7 7 0 -1 4194304 100 5 0 0 150 25 9 9 20 0 3 0 250 0 0",
                        kNsPerTick, 0, parsed));
  EXPECT_EQ(parsed.process.use.user_us, 1'500'000);
  EXPECT_EQ(parsed.process.use.system_us, 250'000);
  // Whatever stands there, sums of it stay numbers.
  ASSERT_TRUE(ParseStat("7 (a) R 1 7 7 0 -1 0 0 0 0 0 18446744073709551615 0 0 0 20 0 1 0 5 0",
                        kNsPerTick, 0, parsed));
  EXPECT_GT(parsed.process.use.user_us, 0);
  EXPECT_LT(parsed.process.use.user_us, INT64_MAX / 100);
}

// Given a reader in a time namespace whose clock began after a process did, then /proc gives the
// process' start time modulo 2^64 ns: here -2.01 s.
TEST(ParseStatTest, AProcessMayBeOlderThanTheClockOfTheTimeNamespace) {
  ParsedStat parsed;
  ASSERT_TRUE(ParseStat("2 (old) S 1 2 2 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1844674407170 0 0",
                        kNsPerTick, -2'500'000'000, parsed));
  EXPECT_NEAR(static_cast<double>(parsed.process.start_ns), 0.49e9, 1e7);
}

TEST(ParseStatTest, ACommMayLookLikeTheRestOfTheLine) {
  ParsedStat parsed;
  ASSERT_TRUE(ParseStat("7 (a) Z 9 (\n) Z 2 0 0 0 -1 69238880 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0",
                        kNsPerTick, 0, parsed));
  EXPECT_EQ(parsed.process.comm, "a) Z 9 (\n");
  EXPECT_EQ(parsed.process.parent_tgid, 2);
  EXPECT_TRUE(parsed.process.leader_exited);
  EXPECT_TRUE(parsed.process.kernel_thread);
}

TEST(ParseStatTest, AnythingElseIsRefused) {
  for (const char* text : {"", "1", "1 (a", "1 (a)", "1 (a) ", "x (a) S 1", "1 (a) S 1 2 3",
                           "1 (a) S x 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0", ")("}) {
    ParsedStat parsed;
    EXPECT_FALSE(ParseStat(text, kNsPerTick, 0, parsed)) << text;
  }
}

TEST(ParseStatusUidsTest, RealAndEffective) {
  uint32_t real = 0;
  uint32_t effective = 0;
  ASSERT_TRUE(ParseStatusUids("Name:\tx\nUid:\t1000\t1001\t1002\t1003\nGid:\t5\t5\t5\t5\n", real,
                              effective));
  EXPECT_EQ(real, 1000u);
  EXPECT_EQ(effective, 1001u);
  EXPECT_FALSE(ParseStatusUids("Name:\tUid:\t1\t2\n", real, effective));
  EXPECT_FALSE(ParseStatusUids("Name:\tx\nUid:\t1\n", real, effective));
}

class ProcFsTest : public testing::Test {
 protected:
  ProcFsTest() : root_(testing::TempDir() + "procfs_test." + std::to_string(getpid())) {
    std::filesystem::create_directories(root_);
  }
  ~ProcFsTest() override { std::filesystem::remove_all(root_); }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(root_ + "/" + name) << text;
  }

  const std::string root_;
};

TEST_F(ProcFsTest, NumbersOfTheHost) {
  Write("stat", "cpu  1 2 3\nctxt 5\nprocesses 98765\nprocs_running 1\n");
  Write("loadavg", "0.08 0.03 0.01 1/123 4567\n");
  const ProcFs procfs(root_);
  EXPECT_EQ(*procfs.TotalForks(), 98765u);
  EXPECT_EQ(*procfs.Tasks(), 123u);
}

TEST_F(ProcFsTest, ErrorsNameTheFile) {
  Write("stat", "cpu 1\n");
  Write("loadavg", "0.08 0.03 0.01 1\n");
  const ProcFs procfs(root_);
  EXPECT_THAT(std::string(procfs.TotalForks().status().message()), HasSubstr(root_ + "/stat"));
  EXPECT_THAT(std::string(procfs.Tasks().status().message()), HasSubstr(root_ + "/loadavg"));
  EXPECT_THAT(std::string(procfs.PidMax().status().message()), HasSubstr("pid_max"));
  EXPECT_FALSE(ProcessScan::Begin(ProcFs(root_ + "/none"), false).ok());
}

const ProcessSnapshot* FindIn(const ProcessScan& scan, pid_t pid) {
  const auto found = std::find_if(scan.processes().begin(), scan.processes().end(),
                                  [pid](const ProcessSnapshot& p) { return p.tgid == pid; });
  return found == scan.processes().end() ? nullptr : &*found;
}

TEST(ProcessScanTest, ShowsThisProcessWithItsThreadsAndNoZombie) {
  const int64_t before_ns = MonotonicNs();
  const pid_t child = fork();
  if (child == 0) pause();
  const pid_t zombie = fork();
  if (zombie == 0) _exit(0);
  siginfo_t info;
  waitid(P_PID, static_cast<id_t>(zombie), &info, WEXITED | WNOWAIT);
  pid_t tid = 0;
  std::atomic<bool> stop{false};
  std::atomic<bool> running{false};
  std::thread thread([&] {
    tid = gettid();
    running = true;
    while (!stop) usleep(1000);
  });
  while (!running) usleep(1000);

  const ProcFs procfs("/proc");
  auto scan = ProcessScan::Begin(procfs, /*with_cgroup=*/true);
  ASSERT_TRUE(scan.ok()) << scan.status();
  while (!(*scan)->Step(3).value_or(true)) {
  }

  const ProcessSnapshot* self = FindIn(**scan, getpid());
  ASSERT_NE(self, nullptr);
  EXPECT_THAT(self->other_threads, testing::Contains(tid));
  EXPECT_EQ(self->effective_uid, geteuid());
  EXPECT_NE(self->cgroup, "");
  const ProcessSnapshot* forked = FindIn(**scan, child);
  ASSERT_NE(forked, nullptr);
  EXPECT_EQ(forked->parent_tgid, getpid());
  EXPECT_NEAR(static_cast<double>(forked->start_ns), static_cast<double>(before_ns), 3e7);
  EXPECT_EQ(FindIn(**scan, zombie), nullptr) << "it has ended, its exit event was sent";

  stop = true;
  thread.join();
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  waitpid(zombie, nullptr, 0);
}

TEST(ProcessScanTest, WithoutDescriptorsToBeHadNobodySeemsToHaveEnded) {
  const ProcFs procfs("/proc");
  auto scan = ProcessScan::Begin(procfs, /*with_cgroup=*/false);
  ASSERT_TRUE(scan.ok()) << scan.status();
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);

  const absl::StatusOr<bool> step = (*scan)->Step(100000);

  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(absl::IsResourceExhausted(step.status())) << step.status();
}

}  // namespace
}  // namespace cnproc
