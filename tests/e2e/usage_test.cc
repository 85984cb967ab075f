// SPDX-License-Identifier: Apache-2.0
// What programs use, against what wait4(2) says of each and /proc/stat of all. Needs root.
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/e2e/harness/error.h"
#include "tests/e2e/harness/machine.h"
#include "tests/e2e/who_lab.h"

namespace cnproc::e2e {
namespace {

constexpr int kCapNetAdmin = 12;

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double CpuOf(const Page& page, const std::string& program) {
  return page.Sum("cnproc_program_cpu_seconds_total", "program", program);
}

class Usage : public Who {
 protected:
  void SetUp() override { StartWith({}); }

  void StartWith(Command flags, const std::vector<int>& without_capabilities = {}) {
    flags.insert(flags.begin(),
                 {"--collector.usage.interval=1s", "--collector.usage.cpu-budget=20"});
    Start({.flags = std::move(flags), .without_capabilities = without_capabilities});
  }

  // The workload under a name of its own.
  std::string Workload(const std::string& name) const {
    const std::string path = folder_.Path(name);
    if (!std::filesystem::exists(path)) std::filesystem::create_symlink(WorkloadBinary(), path);
    return path;
  }
  pid_t Spawn(const std::string& path, const Command& arguments) const {
    return Fork([&] {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      std::vector<char*> words = {const_cast<char*>(path.c_str())};
      for (const std::string& word : arguments) words.push_back(const_cast<char*>(word.c_str()));
      words.push_back(nullptr);
      return execv(words[0], words.data());
    });
  }
  // Runs it to its end. Returns the CPU that it and its children had.
  double Run(const std::string& path, const Command& arguments) const {
    const pid_t pid = Spawn(path, arguments);
    int status = 0;
    rusage usage{};
    if (wait4(pid, &status, 0, &usage) != pid) FailErrno("wait4");
    EXPECT_EQ(status, 0);
    return Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
  }

  void ExpectTold(const std::string& name, const Command& arguments) {
    const double truth = Run(Workload(name), arguments);
    const double told = CpuOf(Settled(), name);
    EXPECT_GT(truth, 1.9);
    EXPECT_NEAR(told, truth, truth * 0.05) << name;
    std::cout << name << ": " << told << " s told, " << truth << " s by wait4\n";
  }
};

TEST_F(Usage, OfManyShortLives) { ExpectTold("cnp_lives", {"burn", "400", "5"}); }

TEST_F(Usage, OfOneLongLife) { ExpectTold("cnp_long", {"burn-slowly", "2000", "40"}); }

TEST_F(Usage, OfThreads) { ExpectTold("cnp_threads", {"burn-in-threads", "8", "250"}); }

TEST_F(Usage, OfTwoProgramsInOneLife) {
  const std::string second = Workload("cnp_second");
  const double truth = Run(Workload("cnp_first"), {"burn-then-exec", "3000", second});
  const Page page = Settled();
  const double first = CpuOf(page, "cnp_first");
  const double both = first + CpuOf(page, "cnp_second");
  EXPECT_NEAR(both, truth, truth * 0.05);
  // What it used after the last sample before its exec is told of the program that it was then.
  EXPECT_GT(first, 0.5);
  EXPECT_LT(first, 3.1);
}

TEST_F(Usage, OfTheLivingAndOfTheirUnit) {
  const Cgroup cgroup("pids", "/system.slice/cnp-usage.service");
  const std::string path = Workload("cnp_living");
  const pid_t pid = Fork([&] {
    // Nothing of it outlives the test.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!cgroup.Enter()) return 1;
    return execl(path.c_str(), path.c_str(), "burn-slowly", "20000", "10", nullptr);
  });
  // Then it grows while it lives,
  Page page;
  EXPECT_TRUE(Eventually(seconds(60), [&] {
    page = exporter().Scrape();
    return page.Has("cnproc_program_cpu_seconds_total{mode=\"user\",program=\"cnp_living\"}") &&
           CpuOf(page, "cnp_living") > 1;
  }));
  EXPECT_GT(page.Sum("cnproc_unit_cpu_seconds_total", "unit", "cnp-usage.service"), 0.9);
  EXPECT_LE(page["cnproc_usage_sample_interval_seconds"], 10 * Patience());
  EXPECT_GT(page["cnproc_usage_samples_total{result=\"read\"}"], 0);
  // and at the end it is what wait4 says.
  kill(pid, SIGKILL);
  rusage usage{};
  ASSERT_EQ(wait4(pid, nullptr, 0, &usage), pid);
  const double truth = Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
  EXPECT_NEAR(CpuOf(Settled(), "cnp_living"), truth, truth * 0.05);
}

class UsageBySamplesAlone : public Usage {
 protected:
  void SetUp() override { StartWith({}, {kCapNetAdmin}); }
};

TEST_F(UsageBySamplesAlone, TheCollectorWorksAndSaysWhatItLacks) {
  if (!AnyoneMayListen()) GTEST_SKIP() << "before Linux 6.6 nobody listens without CAP_NET_ADMIN";
  const Page page = exporter().Scrape();
  EXPECT_EQ(page["cnproc_scrape_collector_success{collector=\"taskstats\"}"], 0);
  EXPECT_EQ(page["cnproc_scrape_collector_success{collector=\"usage\"}"], 1);
  EXPECT_NE(exporter().Log().find("by samples alone"), std::string::npos) << exporter().Log();
  // Given one that lives for long, then what it used until its last sample is told.
  const double truth = Run(Workload("cnp_sampled"), {"burn-slowly", "2000", "40"});
  EXPECT_GT(CpuOf(Settled(), "cnp_sampled"), 0.5);
  EXPECT_LE(CpuOf(Settled(), "cnp_sampled"), truth * 1.01);
}

// Of all CPUs since boot: user, nice and system.
double MachineCpuSeconds() {
  std::ifstream file("/proc/stat");
  std::string cpu;
  std::array<double, 3> ticks{};
  file >> cpu >> ticks[0] >> ticks[1] >> ticks[2];
  return (ticks[0] + ticks[1] + ticks[2]) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

class UsageWitness : public Usage {
 protected:
  // On a busy machine the exporter may be late.
  std::pair<Page, double> BothOnceSamplesAreFresh() {
    Page page;
    double machine = 0;
    EXPECT_TRUE(Eventually(seconds(60), [&] {
      usleep(200'000);
      page = exporter().Scrape();
      machine = MachineCpuSeconds();
      return page["cnproc_usage_samples_total{result=\"read\"}"] > 0 &&
             page["cnproc_usage_sample_interval_seconds"] < 1.2;
    }));
    return {page, machine};
  }
};

// The sum over all programs is what the machine did, within 2 %. Beside it: interrupts, which
// /proc/stat tells apart and the scheduler does not, the last 50 us of each life, and what is
// younger than the last sample.
TEST_F(UsageWitness, AddsUpToTheMachine) {
  const auto [before, machine_before] = BothOnceSamplesAreFresh();
  // Given a minute of short lives, long ones, threads and programs in programs
  const std::string path = Workload("cnp_mixed");
  const auto end = std::chrono::steady_clock::now() + seconds(60);
  while (std::chrono::steady_clock::now() < end) {
    std::vector<pid_t> pids;
    pids.push_back(Spawn(path, {"burn", "100", "5"}));
    pids.push_back(Spawn(path, {"burn-slowly", "500", "10"}));
    pids.push_back(Spawn(path, {"burn-in-threads", "4", "200"}));
    pids.push_back(Spawn(path, {"burn-then-exec", "200", path}));
    for (const pid_t pid : pids) Wait(pid);
  }
  const auto [after, machine_after] = BothOnceSamplesAreFresh();
  const double machine = machine_after - machine_before;
  const double told = after.Sum("cnproc_program_cpu_seconds_total") -
                      before.Sum("cnproc_program_cpu_seconds_total");
  std::cout << told << " s told, " << machine << " s by /proc/stat\n";
  // What others do on the machine meanwhile may be a storm of short lives, each with an end of which
  // the scheduler has not told when its record is made.
  const double ends = after.Sum("cnproc_process_exits_total") -
                      before.Sum("cnproc_process_exits_total") +
                      after["cnproc_thread_exits_total"] - before["cnproc_thread_exits_total"];
  constexpr double kAfterTheRecordSeconds = 60e-6;
  EXPECT_GE(told, machine * 0.98 - ends * kAfterTheRecordSeconds) << ends << " ends";
  EXPECT_LE(told, machine * 1.02);
}

// Given a buffer that overflows at once and an exporter that is stopped again and again, then no
// counter goes back.
TEST_F(Usage, NothingGoesBackWhateverIsLost) {
  ASSERT_EQ(exporter().Stop(), 0);
  StartWith({"--connector.receive-buffer=64KiB"});
  std::map<std::string, double> highest;
  const std::string path = Workload("cnp_lossy");
  for (int i = 0; i < 3; ++i) {
    exporter().process().Signal(SIGSTOP);
    const pid_t burner = Spawn(path, {"burn-in-threads", "4", "50"});
    Run(path, {"burn", "150", "1"});
    Wait(burner);
    exporter().process().Signal(SIGCONT);
    usleep(300'000);
    const Page page = exporter().Scrape();
    for (const auto& [series, value] : page.values()) {
      if (series.rfind("cnproc_program_cpu_seconds_total", 0) != 0) continue;
      EXPECT_GE(value, highest[series]) << series;
      highest[series] = value;
    }
  }
  EXPECT_GT(exporter().Scrape().Sum("cnproc_events_lost_total"), 0);
}

}  // namespace
}  // namespace cnproc::e2e
