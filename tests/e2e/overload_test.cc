// SPDX-License-Identifier: Apache-2.0
// Given an exporter that cannot keep up, then every lost event is counted and the table heals.
#include <gtest/gtest.h>

#include <csignal>

#include "tests/e2e/harness/lab.h"
#include "tests/e2e/harness/machine.h"
#include "tests/e2e/who_lab.h"

namespace cnproc::e2e {
namespace {

const std::string kResyncs = "cnproc_resyncs_total{reason=\"loss\"}";
const std::string kAppeared = "cnproc_processes_reconciled_total{change=\"appeared\"}";
const std::string kVanished = "cnproc_processes_reconciled_total{change=\"vanished\"}";

class Overload : public Lab {
 protected:
  void SetUp() override { Start({.flags = {"--connector.receive-buffer=64KiB"}}); }

  // Stopped, the exporter reads nothing: its buffer holds some hundred events, the rest is lost.
  void WhileStopped(const std::function<void()>& do_something) {
    const double resyncs = exporter().Scrape()[kResyncs];
    exporter().process().Signal(SIGSTOP);
    RunWorkload({"storm", "400", "0"});
    do_something();
    exporter().process().Signal(SIGCONT);
    EXPECT_TRUE(Eventually(seconds(6), [&] { return exporter().Scrape()[kResyncs] > resyncs; }))
        << "no reconciliation with /proc within 5 s of a loss";
  }

  // All that the kernel made was either received or counted as lost.
  static void ExpectReceivedAndLostIsMade(const Cut& before, const Cut& after) {
    const Delta delta(before.page, after.page);
    EXPECT_EQ(delta.Sum("cnproc_events_total") + delta.Sum("cnproc_events_lost_total"),
              (after.seen - before.seen).Total());
    EXPECT_EQ(delta["cnproc_events_lost_total{reason=\"kernel\"}"], 0);
    EXPECT_EQ(delta["cnproc_events_lost_total{reason=\"unsubscribed\"}"], 0);
  }

  static void ExpectTheTableBalances(const Cut& before, const Cut& after) {
    const Delta delta(before.page, after.page);
    EXPECT_EQ(
        before.page["cnproc_processes"] +
            static_cast<double>(delta["cnproc_forks_total{kind=\"process\"}"] + delta[kAppeared] -
                                delta.Sum("cnproc_process_exits_total") - delta[kVanished]),
        after.page["cnproc_processes"]);
  }
};

TEST_F(Overload, ReceivedAndLostIsWhatTheKernelMade) {
  const Cut before = TakeCut();
  WhileStopped([] {});
  const Cut after = TakeCut();
  const Delta delta(before.page, after.page);
  EXPECT_GT(delta["cnproc_events_lost_total{reason=\"receive_buffer\"}"], 500);
  EXPECT_GE(delta["cnproc_enobufs_total"], 1);
  EXPECT_LE(delta["cnproc_enobufs_total"], 10) << "overruns are not events";
  ExpectReceivedAndLostIsMade(before, after);
  ExpectTheTableBalances(before, after);
  ExpectIdentities(after.page);
}

TEST_F(Overload, MissedProcessesAppear) {
  const Cut before = TakeCut();
  std::unique_ptr<HeldProcesses> held;
  WhileStopped([&] { held = std::make_unique<HeldProcesses>(60, 2); });
  const Cut after = TakeCut();
  const Tasks by_proc = CountTasks();
  const Delta delta(before.page, after.page);
  EXPECT_GE(delta[kAppeared], 61);
  EXPECT_NEAR(after.page["cnproc_processes"], static_cast<double>(by_proc.processes), 3);
  EXPECT_NEAR(after.page["cnproc_threads"], static_cast<double>(by_proc.threads), 6);
  EXPECT_LE(delta["cnproc_forks_total{kind=\"process\"}"],
            (after.seen - before.seen).process_forks);
  ExpectReceivedAndLostIsMade(before, after);
  ExpectTheTableBalances(before, after);
}

TEST_F(Overload, MissedEndsVanishWithoutAnInventedStatus) {
  HeldProcesses held(60, 2);
  const Cut before = TakeCut();
  WhileStopped([&] { held.Release(); });
  const Cut after = TakeCut();
  const Delta delta(before.page, after.page);
  EXPECT_GE(delta[kVanished], 61);
  EXPECT_LE(delta["cnproc_exit_signals_total{signal=\"SIGKILL\"}"], 3) << "others' at most";
  EXPECT_NEAR(after.page["cnproc_processes"], static_cast<double>(CountTasks().processes), 3);
  ExpectReceivedAndLostIsMade(before, after);
  ExpectTheTableBalances(before, after);
}

TEST_F(Overload, AfterwardsItIsExactAgain) {
  WhileStopped([] {});
  const Window window = Alone({"exit", "30", "77"});
  EXPECT_EQ(window.delta()["cnproc_exit_codes_total{code=\"77\"}"], 30);
  EXPECT_EQ(window.delta()["cnproc_process_lifetimes_unknown_total"], 0);
  EXPECT_EQ(window.delta().Sum("cnproc_events_lost_total"), 0);
}

TEST_F(Overload, LossOfAttributesIsNotLossOfProcesses) {
  const Cut before = TakeCut();
  exporter().process().Signal(SIGSTOP);
  RunWorkload({"comm", "20000"});
  exporter().process().Signal(SIGCONT);
  const Cut after = TakeCut();
  const Delta delta(before.page, after.page);
  EXPECT_GT(delta["cnproc_events_lost_total{reason=\"attribute_buffer\"}"], 10000);
  EXPECT_EQ(delta["cnproc_events_lost_total{reason=\"receive_buffer\"}"], 0);
  EXPECT_EQ(delta.Sum("cnproc_events_total") + delta.Sum("cnproc_events_lost_total"),
            (after.seen - before.seen).Total());
}

class WhoOverload : public Who {
 protected:
  void SetUp() override { Start({.flags = {"--connector.receive-buffer=64KiB"}}); }

  // Runs it that often while the exporter reads nothing. Returns the last process' id.
  pid_t RunWhileStopped(const std::string& program, int count) {
    exporter().process().Signal(SIGSTOP);
    pid_t last = 0;
    for (int i = 0; i < count; ++i) last = RunOnce(program);
    exporter().process().Signal(SIGCONT);
    return last;
  }
};

TEST_F(WhoOverload, TheRecordOfOneWhoseEndWasLostNamesNobodyElse) {
  const std::string lost = Program("cnp_lost");
  const std::string later = Program("cnp_later");
  // Given ends that were lost, those of the last ones, while their exit records were not
  const Page start = exporter().Scrape();
  const pid_t last = RunWhileStopped(lost, 75);
  const Page before = Settled();
  ASSERT_GT(Delta(start, before)["cnproc_events_lost_total{reason=\"receive_buffer\"}"], 50);
  ASSERT_EQ(Delta(start, before)["cnproc_taskstats_records_lost_total"], 0);
  // When other programs get their ids
  WriteFile("/proc/sys/kernel/ns_last_pid", std::to_string(last - 31));
  RunWhileStopped(later, 30);
  const Page after = Settled();
  // Then each is told by its own record.
  EXPECT_EQ(Growth(before, after, "cnproc_program_execs_total", "program", "cnp_later"), 30);
  EXPECT_EQ(Growth(before, after, "cnproc_program_execs_total", "program", "cnp_lost"), 0);
  EXPECT_EQ(Growth(before, after, "cnproc_program_exits_total", "program", "cnp_later"), 30);
}

}  // namespace
}  // namespace cnproc::e2e
