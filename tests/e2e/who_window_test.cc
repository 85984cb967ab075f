// SPDX-License-Identifier: Apache-2.0
// Given a machine that forks and execs while the exporter starts, then what happened before the
// first scan of /proc was done is counted on somebody: sums over programs and users are the totals.
#include <gtest/gtest.h>

#include <memory>
#include <sstream>
#include <string>
#include <thread>

#include "tests/e2e/harness/lab.h"
#include "tests/e2e/harness/machine.h"

namespace cnproc::e2e {
namespace {

// What the sums lack, or nothing.
std::string Differences(const Page& page) {
  std::ostringstream out;
  const auto compare = [&](const std::string& sums, double total) {
    if (page.Sum(sums) != total) out << sums << ": " << page.Sum(sums) << " of " << total << '\n';
  };
  const double forks = page["cnproc_forks_total{kind=\"process\"}"];
  compare("cnproc_program_forks_total", forks);
  compare("cnproc_user_forks_total", forks);
  compare("cnproc_program_execs_total", page["cnproc_execs_total"]);
  compare("cnproc_user_execs_total", page["cnproc_execs_total"]);
  compare("cnproc_program_exits_total", page.Sum("cnproc_process_exits_total"));
  compare("cnproc_program_processes", page["cnproc_processes"]);
  return out.str();
}

TEST(WhoWindow, UnderAStormTheSumsAreTheTotals) {
  for (int start = 0; start < 3; ++start) {
    std::unique_ptr<Exporter> exporter;
    {
      const std::string cpus = CpuList();
      const Process forks({WorkloadBinary(), "storm", "10000000", cpus}, {});
      const Process execs({WorkloadBinary(), "execs", "10000000", cpus}, {});
      std::this_thread::sleep_for(milliseconds(100));
      exporter = std::make_unique<Exporter>();
      EXPECT_GT(exporter->Scrape().Sum("cnproc_forks_total"), 0);
    }
    // A program whose name could not be read is told by its end, which comes soon.
    Page page;
    EXPECT_TRUE(Eventually(seconds(10), [&] {
      page = exporter->Scrape();
      return Differences(page).empty();
    })) << Differences(page);
    ExpectIdentities(page);
  }
}

}  // namespace
}  // namespace cnproc::e2e
