// SPDX-License-Identifier: Apache-2.0
// Given processes with threads, then each is counted by the status that wait(2) says, which the
// workload has checked, in whatever order the kernel tells of the ends of the threads.
#include <gtest/gtest.h>

#include "tests/e2e/harness/error.h"
#include "tests/e2e/harness/lab.h"
#include "tests/e2e/harness/machine.h"
#include "tests/e2e/own_program.h"

namespace cnproc::e2e {
namespace {

constexpr int kCode = 115;  // with which nothing else on a machine ends

class ThreadStatus : public testing::TestWithParam<bool> {
 protected:
  // With exit records, and by the events alone.
  ThreadStatus() : exporter_({.flags = Flags()}) {}

  static Command Flags() {
    return GetParam() ? Command{} : Command{"--no-collector.taskstats", "--no-collector.usage"};
  }
  int64_t Count(const Command& workload, int64_t expected) {
    const std::string series = CodeSeries(kCode);
    return program_.Run(exporter_, workload, series, expected)[series];
  }

  const Exporter exporter_;
  const OwnProgram program_;
};

INSTANTIATE_TEST_SUITE_P(, ThreadStatus, testing::Bool(), [](const auto& by_records) {
  return by_records.param ? "ByRecords" : "ByEvents";
});

TEST_P(ThreadStatus, OfALeaderThatIsToldBeforeTheThreadsThatItJoined) {
  const int count = Scaled(200);
  EXPECT_EQ(Count({"join-first", std::to_string(count), "5", "115"}, count), count);
}

TEST_P(ThreadStatus, OfALeaderThatIsToldAfterTheThreadThatExited) {
  const int count = Scaled(200);
  EXPECT_EQ(Count({"leader-late", std::to_string(count), "115"}, count), count);
}

TEST_P(ThreadStatus, OfALeaderThatEndedLongBeforeTheLastThread) {
  const int count = Scaled(100);
  EXPECT_EQ(Count({"leader-first", std::to_string(count), "115"}, count), count);
}

TEST_P(ThreadStatus, OfProgramsOnABusyMachine) {
  const int count = Scaled(100);
  const Process busy({WorkloadBinary(), "busy", "12", "20"}, {});
  EXPECT_EQ(Count({"join-at-once", std::to_string(count), "6", "115"}, count), count);
  EXPECT_EQ(Count({"leader-first", std::to_string(count), "115"}, count), count);
}

TEST(ThreadStatusOfAborts, AreSignalsAndCoreDumps) {
  const Exporter exporter;
  const OwnProgram program;
  const int count = Scaled(100);
  const std::string aborts =
      "cnproc_program_exit_signals_total{" + program.Label() + ",signal=\"SIGABRT\"}";
  const std::string dumps = "cnproc_program_coredumps_total{" + program.Label() + "}";
  const Growth first =
      program.Run(exporter, {"join-first-abort", std::to_string(count), "6"}, aborts, count);
  EXPECT_EQ(first[aborts], count);
  EXPECT_EQ(first[dumps], count);
  const Process busy({WorkloadBinary(), "busy", "12", "20"}, {});
  const Growth at_once =
      program.Run(exporter, {"join-at-once-abort", std::to_string(count), "6"}, aborts, count);
  EXPECT_EQ(at_once[aborts], count);
  EXPECT_EQ(at_once[dumps], count);
}

// Only the exit records tell it from an exit of the whole, from Linux 5.19 on.
TEST(ThreadStatusOfThreads, ACodeOfOneThreadIsNotItsProcess) {
  if (KernelVersion() < std::pair(5, 19)) return;
  const Exporter exporter;
  const OwnProgram program;
  const int count = Scaled(100);
  const std::string successes =
      "cnproc_program_exits_total{outcome=\"success\"," + program.Label() + "}";
  const Growth growth =
      program.Run(exporter, {"thread-fails", std::to_string(count), "116"}, successes, count + 1);
  EXPECT_EQ(growth[successes], count + 1) << "and the workload itself";
  EXPECT_EQ(growth[CodeSeries(116)], 0);
}

// 40 processes, recorded on a busy machine: each leader joined five threads and called _exit(115),
// said wait(2); the EXIT events of the threads came 2 to 7 ms after the leader's.
TEST(RecordedThreadStatus, OfThreadsWhoseEndsWereToldLate) {
  const Exporter exporter(
      {.flags = {"--connector.replay=" CNPROC_TEST_DATA "/fixtures/threads_exit_late.pcap",
                 "--connector.replay-speed=0"},
       .wait_until_ready = false});
  const bool ended = Eventually(seconds(10), [&] {
    return exporter.Get("/-/ready").body.find("ended") != std::string::npos;
  });
  if (!ended) Fail("the replay did not end");
  EXPECT_EQ(exporter.Scrape()[CodeSeries(kCode)], 40);
}

}  // namespace
}  // namespace cnproc::e2e
