// SPDX-License-Identifier: Apache-2.0
#include "collectors/process/cpu_time.h"

#include <gtest/gtest.h>

namespace cnproc {
namespace {

constexpr int64_t kTickNs = 4'000'000;

// A task that ran for 3 ms beside others and slept for 5 s; no tick found it.
ExitRecord Slept() {
  ExitRecord record;
  record.elapsed_us = 5'012'000;
  record.run_delay_ns = 9'000'000;
  record.scheduled_ns = 2'900'000;
  record.times_run = 4;
  record.voluntary_switches = 1;
  record.nonvoluntary_switches = 2;
  return record;
}

TEST(CpuTimeTest, IsWhatTheSchedulerMeasuredWhereNoTickFoundTheTask) {
  EXPECT_EQ(CpuTimeOf(Slept(), kTickNs).total_us(), 2'900);
}

TEST(CpuTimeTest, TicksThatFoundMoreThanTheTaskRanAddNothing) {
  ExitRecord record = Slept();
  record.user_ticks_us = 8'000;
  EXPECT_EQ(CpuTimeOf(record, kTickNs).total_us(), 2'900);
}

TEST(CpuTimeTest, OneThatNeverSleptRanWheneverItDidNotWaitForACpu) {
  ExitRecord record = Slept();
  record.voluntary_switches = 0;
  record.elapsed_us = 12'050;
  EXPECT_EQ(CpuTimeOf(record, kTickNs).total_us(), 3'050);
  // Switched or not.
  record.times_run = 1;
  record.nonvoluntary_switches = 0;
  record.elapsed_us = 3'500;
  record.run_delay_ns = 400'000;
  record.scheduled_ns = 0;  // updated at its end
  EXPECT_EQ(CpuTimeOf(record, kTickNs).total_us(), 3'100);
  // Another CPU's clock that is a little behind cannot make it less than the scheduler measured.
  record.run_delay_ns = 4'000'000;
  record.scheduled_ns = 3'000'000;
  EXPECT_EQ(CpuTimeOf(record, kTickNs).total_us(), 3'000);
}

TEST(CpuTimeTest, OneWhoseParentLostItsCpuWhileItMadeItDidNotRunMeanwhile) {
  // Given a task that could run 20 ms after its life had begun, and was updated by a tick
  ExitRecord record = Slept();
  record.voluntary_switches = 0;
  record.elapsed_us = 32'000;
  // Then it cannot have run for longer than until the next tick.
  EXPECT_EQ(CpuTimeOf(record, kTickNs).total_us(), 6'900);
}

TEST(CpuTimeTest, IsByTicksWhereTheKernelKeepsNothingElse) {
  ExitRecord record = Slept();
  record.times_run = 0;
  record.run_delay_ns = 0;
  record.scheduled_ns = 0;
  record.user_ticks_us = 8'000;
  record.system_ticks_us = 4'000;
  const CpuTime cpu = CpuTimeOf(record, kTickNs);
  EXPECT_EQ(cpu.user_us(), 8'000);
  EXPECT_EQ(cpu.system_us(), 4'000);
}

TEST(CpuTimeTest, IsSplitInTheProportionOfTheTicks) {
  ExitRecord record = Slept();
  record.scheduled_ns = 10'000'000;
  record.user_ticks_us = 12'000;
  record.system_ticks_us = 4'000;
  const CpuTime cpu = CpuTimeOf(record, kTickNs);
  EXPECT_EQ(cpu.user_us(), 7'500);
  EXPECT_EQ(cpu.system_us(), 2'500);
}

TEST(CpuTimeTest, IsUsersWithoutATick) {
  const CpuTime cpu = CpuTimeOf(Slept(), kTickNs);
  EXPECT_EQ(cpu.user_us(), 2'900);
  EXPECT_EQ(cpu.system_us(), 0);
}

TEST(CpuTimeTest, OfThreadsIsAddedUpFirstAndSplitThen) {
  // Given a thread that a tick found in the kernel, and one that none found
  ExitRecord found = Slept();
  found.scheduled_ns = 4'000'000;
  found.system_ticks_us = 4'000;
  CpuTime cpu = CpuTimeOf(found, kTickNs);
  cpu += CpuTimeOf(Slept(), kTickNs);
  // Then both are taken for the kernel's, as wait4(2) does.
  EXPECT_EQ(cpu.system_us(), 6'900);
  EXPECT_EQ(cpu.user_us(), 0);
}

TEST(CpuTimeTest, LosesNothingInTheSplit) {
  for (int64_t ns = 0; ns < 20'000; ns += 7) {
    const CpuTime cpu{.total_ns = ns, .user_ticks_us = 4'000, .system_ticks_us = 8'000};
    EXPECT_EQ(cpu.user_us() + cpu.system_us(), (ns + 500) / 1000);
  }
}

}  // namespace
}  // namespace cnproc
