// SPDX-License-Identifier: Apache-2.0
// Given as many events as the machine can make, then not one is lost.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/harness/lab.h"
#include "tests/e2e/harness/machine.h"

namespace cnproc::e2e {
namespace {

class Storm : public Lab {
 protected:
  void SetUp() override { Start(); }

  void ExpectNothingLost(const Cut& before, const Cut& after) {
    const Delta delta(before.page, after.page);
    EXPECT_EQ(delta.Sum("cnproc_events_lost_total"), 0);
    EXPECT_EQ(delta["cnproc_enobufs_total"], 0);
    EXPECT_EQ(delta["cnproc_processes_reconciled_total{change=\"appeared\"}"], 0);
    EXPECT_EQ(delta["cnproc_processes_reconciled_total{change=\"vanished\"}"], 0);
    for (const auto& [event, count] : (after.seen - before.seen).events) {
      EXPECT_EQ(delta["cnproc_events_total{event=\"" + event + "\"}"], count) << event;
    }
    ExpectIdentities(after.page);
  }
};

TEST_F(Storm, FortyThousandForksOnAllCpus) {
  const Cut before = TakeCut();
  const int forks = Scaled(40000);
  RunWorkload({"storm", std::to_string(forks), CpuList()});
  const Cut after = TakeCut();
  EXPECT_GE(Delta(before.page, after.page)["cnproc_forks_total{kind=\"process\"}"], forks);
  ExpectNothingLost(before, after);
}

TEST_F(Storm, FiveThousandExecs) {
  const Cut before = TakeCut();
  const int execs = Scaled(5000);
  RunWorkload({"execs", std::to_string(execs), CpuList()});
  const Cut after = TakeCut();
  EXPECT_GE(Delta(before.page, after.page)["cnproc_execs_total"], execs);
  ExpectNothingLost(before, after);
}

TEST_F(Storm, TwentyThousandThreads) {
  const Cut before = TakeCut();
  const int threads = Scaled(20000);
  RunWorkload({"threads", std::to_string(threads)});
  const Cut after = TakeCut();
  EXPECT_GE(Delta(before.page, after.page)["cnproc_forks_total{kind=\"thread\"}"], threads);
  ExpectNothingLost(before, after);
}

// Every page scraped in the middle of a storm is a consistent cut.
TEST_F(Storm, EveryPageDuringAStormIsOneCut) {
  std::thread storm([] { RunWorkload({"storm", std::to_string(Scaled(20000)), CpuList()}); });
  for (int i = 0; i < 50; ++i) ExpectIdentities(exporter().Scrape());
  storm.join();
}

// Every event of the life of processes that the witness saw came, and none was lost.
void ExpectLifeIsWhole(const Cut& before, const Cut& after) {
  const Delta delta(before.page, after.page);
  EXPECT_EQ(delta["cnproc_events_lost_total{reason=\"receive_buffer\"}"], 0);
  EXPECT_EQ(delta["cnproc_events_lost_total{reason=\"kernel\"}"], 0);
  for (const char* event : {"fork", "exec", "exit", "coredump", "sid"}) {
    EXPECT_EQ(delta["cnproc_events_total{event=\"" + std::string(event) + "\"}"],
              (after.seen - before.seen).events.at(event));
  }
}

// cn_proc.md: renaming needs no right and makes millions of events a second.
TEST(AttributeFlood, EightUnprivilegedProcessesHideNothing) {
  const Witness witness(Floods::kFilter);
  Exporter exporter;
  const Cut before = TakeCut(exporter, witness);
  const Usage idle = UsageOf(exporter.pid());
  const auto start = Clock::now();
  std::string flood;
  std::thread flooding([&] { flood = RunWorkload({"comm-flood", "8", "4"}); });
  std::this_thread::sleep_for(milliseconds(500));
  RunWorkload({"storm", std::to_string(Scaled(5000)), CpuList()});
  RunWorkload({"execs", std::to_string(Scaled(500)), CpuList()});
  flooding.join();
  const double elapsed = std::chrono::duration<double>(Clock::now() - start).count();
  const double cpu = UsageOf(exporter.pid()).cpu_seconds - idle.cpu_seconds;
  const Cut after = TakeCut(exporter, witness);
  const Delta delta(before.page, after.page);

  ExpectLifeIsWhole(before, after);
  // Received and lost are what the kernel made: each renaming, and whatever else changed
  // attributes, which the witness saw, but for uid changes to root, which cannot get lost here.
  int64_t received = 0;
  int64_t made = static_cast<int64_t>(Printed(flood, "calls"));
  for (const char* event : {"comm", "uid", "gid", "ptrace"}) {
    received += delta["cnproc_events_total{event=\"" + std::string(event) + "\"}"];
    made += (after.seen - before.seen).events.at(event);
  }
  const int64_t lost = delta["cnproc_events_lost_total{reason=\"attribute_buffer\"}"];
  // Others' renamings are not in made; on a silent machine there are none.
  EXPECT_GE(received + lost, made);
  if ((after.seen - before.seen).foreign == 0) {
    EXPECT_EQ(received + lost, made);
  }
  EXPECT_GT(lost, 0) << "the flood was too weak to prove anything";
  // An emulated or sanitized CPU says nothing about a real one.
  if (!kSanitized && Scaled(1000) == 1000) {
    EXPECT_LT(cpu / elapsed, 0.20) << "of a CPU under the flood";
  }
  EXPECT_EQ(exporter.Stop(), 0);
}

// Nor do the kernel's answers to requests that anybody may make by the hundred thousand.
TEST(AcknowledgementFlood, OfUnprivilegedProcessesHidesNothing) {
  const Witness witness(Floods::kFilter);
  Exporter exporter;
  const Cut before = TakeCut(exporter, witness);
  std::string flood;
  std::thread flooding([&] { flood = RunWorkload({"ack-flood", "8", "3"}); });
  std::this_thread::sleep_for(milliseconds(500));
  RunWorkload({"storm", std::to_string(Scaled(5000)), CpuList()});
  flooding.join();
  const Cut after = TakeCut(exporter, witness);

  ExpectLifeIsWhole(before, after);
  EXPECT_GT(Printed(flood, "calls"), 50'000) << "the flood was too weak to prove anything";
  EXPECT_EQ(exporter.Stop(), 0);
}

// What is dropped while the exporter subscribes is no loss of the kernel's too.
TEST(AttributeFlood, AStartInTheMiddleOfItCountsEachLossOnce) {
  std::thread flooding([] { RunWorkload({"comm-flood", "8", "3"}); });
  std::this_thread::sleep_for(milliseconds(300));
  Exporter exporter;
  flooding.join();
  // The audit draws new numbers after the last drop, at most once a second.
  std::this_thread::sleep_for(milliseconds(2500));
  const Page page = exporter.Scrape();

  EXPECT_GT(page["cnproc_events_lost_total{reason=\"attribute_buffer\"}"], 0);
  EXPECT_EQ(page["cnproc_events_lost_total{reason=\"kernel\"}"], 0);
  EXPECT_EQ(page["cnproc_events_lost_total{reason=\"receive_buffer\"}"], 0);
  EXPECT_EQ(exporter.Stop(), 0);
}

// The first thread that the exporter starts for good.
pid_t CollectorThreadOf(pid_t exporter) {
  pid_t first = 0;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(exporter) + "/task")) {
    const pid_t tid = std::stoi(task.path().filename().string());
    if (tid != exporter && (first == 0 || tid < first)) first = tid;
  }
  return first;
}

// Loops until the end of its scope, but for half a minute at most.
class BusyProcess {
 public:
  BusyProcess() : pid_(fork()) {
    if (pid_ != 0) return;
    alarm(30);
    for (;;) {
    }
  }
  ~BusyProcess() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  BusyProcess(const BusyProcess&) = delete;
  BusyProcess& operator=(const BusyProcess&) = delete;

 private:
  const pid_t pid_;
};

// deploy/systemd/fifo.conf: whoever makes a page at normal priority, on CPUs that others keep busy,
// must not hold up the thread that reads.
TEST_F(Storm, ScrapesHoldUpNoCollectorThreadOfRealTimePriority) {
  const sched_param priority = {.sched_priority = 1};
  ASSERT_EQ(sched_setscheduler(CollectorThreadOf(exporter().pid()), SCHED_FIFO, &priority), 0);
  const std::array<BusyProcess, 6> busy;
  const Cut before = TakeCut();
  std::atomic<bool> done = false;
  std::atomic<int> scrapes = 0;
  std::vector<std::thread> scrapers;
  for (int i = 0; i < 3; ++i) {
    scrapers.emplace_back([&] {
      for (; !done; ++scrapes) exporter().Scrape();
    });
  }
  RunWorkload({"storm", std::to_string(Scaled(20000)), CpuList()});
  done = true;
  for (std::thread& scraper : scrapers) scraper.join();
  const Cut after = TakeCut();
  EXPECT_GE(scrapes, 3);
  ExpectNothingLost(before, after);
}

}  // namespace
}  // namespace cnproc::e2e
