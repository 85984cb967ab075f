// SPDX-License-Identifier: Apache-2.0
// A workload under a name of its own, so that it is counted apart from all else that a machine
// does.
#ifndef CNPROC_TESTS_E2E_OWN_PROGRAM_H_
#define CNPROC_TESTS_E2E_OWN_PROGRAM_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>

#include "tests/e2e/harness/exporter.h"
#include "tests/e2e/harness/process.h"

namespace cnproc::e2e {

// What grew between two pages; 0 for a series that neither has.
struct Growth {
  Page before;
  Page after;

  int64_t operator[](const std::string& series) const {
    return after.Has(series) ? Delta(before, after)[series] : 0;
  }
};

class OwnProgram {
 public:
  OwnProgram() { std::filesystem::create_symlink(WorkloadBinary(), path_); }

  // Between two pages, the second taken once the series has grown that far and some time more has
  // passed, so that too much shows as well. wait(2) returns before the kernel tells of the end.
  Growth Run(const Exporter& exporter, Command arguments, const std::string& series,
             int64_t expected) const {
    arguments.insert(arguments.begin(), path_);
    Growth growth{.before = exporter.Scrape(), .after = {}};
    const Result result = RunProgram(arguments, {}, seconds(120));
    EXPECT_EQ(result.status, 0) << result.err;
    Eventually(seconds(10), [&] {
      growth.after = exporter.Scrape();
      return growth[series] >= expected;
    });
    std::this_thread::sleep_for(milliseconds(200) * Patience());
    growth.after = exporter.Scrape();
    return growth;
  }

  std::string Label() const { return "program=\"" + name_ + "\""; }

 private:
  const TempFolder folder_;
  const std::string name_ = "own" + std::to_string(getpid());
  const std::string path_ = folder_.Path(name_);
};

inline std::string CodeSeries(int code) {
  return "cnproc_exit_codes_total{code=\"" + std::to_string(code) + "\"}";
}

}  // namespace cnproc::e2e

#endif  // CNPROC_TESTS_E2E_OWN_PROGRAM_H_
