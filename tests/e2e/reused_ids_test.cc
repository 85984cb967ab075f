// SPDX-License-Identifier: Apache-2.0
// Given ids that are given to the next task at once, so that its FORK can come before the EXIT of
// the one before, then every process begins and ends, and none is made up.
#include <gtest/gtest.h>

#include <map>

#include "tests/e2e/harness/lab.h"
#include "tests/e2e/own_program.h"

namespace cnproc::e2e {
namespace {

class ReusedIds : public testing::Test {
 protected:
  // The workload forks all those that its codes count, and no other process has such codes.
  void ExpectEnds(const Command& workload, const std::map<int, int64_t>& ends) {
    const auto& [code, count] = *ends.rbegin();
    const Growth growth = program_.Run(exporter_, workload, CodeSeries(code), count);
    for (const auto& [each, expected] : ends) EXPECT_EQ(growth[CodeSeries(each)], expected) << each;
    for (const char* change : {"appeared", "vanished"}) {
      EXPECT_EQ(growth[std::string("cnproc_processes_reconciled_total{change=\"") + change + "\"}"],
                0);
    }
    EXPECT_EQ(growth["cnproc_process_lifetimes_unknown_total"], 0);
    // Who gave way and was not heard of again would stay for a second.
    EXPECT_EQ(growth.after["cnproc_program_processes{" + program_.Label() + "}"], 0);
  }

  const Exporter exporter_;
  const OwnProgram program_;
};

TEST_F(ReusedIds, APidThatTwoParentsFightFor) {
  const int count = Scaled(1000);
  ExpectEnds({"same-pid", std::to_string(count), "121", "122"}, {{121, count}, {122, count}});
}

TEST_F(ReusedIds, APidThatTwoParentsFightForOnABusyMachine) {
  const int count = Scaled(300);
  const Process busy({WorkloadBinary(), "busy", "10", "30"}, {});
  ExpectEnds({"same-pid", std::to_string(count), "123", "124"}, {{123, count}, {124, count}});
}

#ifdef __x86_64__
TEST_F(ReusedIds, ATidThatMovesBetweenProcesses) {
  const int count = Scaled(500);
  ExpectEnds({"same-tid", std::to_string(count), "3", "125"}, {{125, 3 * count}});
}
#endif

}  // namespace
}  // namespace cnproc::e2e
