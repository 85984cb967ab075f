// SPDX-License-Identifier: Apache-2.0
// Given a recording of a real kernel, then the whole page is the one in tests/golden: every name,
// HELP, type, label and every value that the recording determines. A change of the page is a change
// of this file: CNPROC_UPDATE_GOLDEN=1 writes it anew, and the diff shows what users will see.
#include <gtest/gtest.h>

#include <cstdlib>
#include <regex>
#include <sstream>

#include "tests/e2e/harness/error.h"
#include "tests/e2e/harness/exporter.h"

namespace cnproc::e2e {
namespace {

const std::string kRecording = CNPROC_TEST_DATA "/fixtures/workload.pcap";

// Values that depend on the machine, the build or the moment, and on nothing that was recorded.
std::string MaskVolatile(const std::string& page) {
  static const std::regex kVolatileValue(
      "^(process_[a-z_]+|cnproc_scrape_collector_duration_seconds\\{.*\\}|"
      "cnproc_event_delay_seconds_(bucket\\{.*\\}|sum|count)|cnproc_tasks_limit\\{.*\\}|"
      "cnproc_exporter_config_last_reload_success_timestamp_seconds|"
      "cnproc_kernel_tasks) .*");
  static const std::regex kBuild("(version|revision|compiler)=\"[^\"]*\"");
  std::istringstream lines(page);
  std::string masked;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("cnproc_exporter_build_info{", 0) == 0) {
      line = std::regex_replace(line, kBuild, "$1=\"*\"");
    }
    masked += std::regex_replace(line, kVolatileValue, "$1 *") + "\n";
  }
  return masked;
}

void ExpectGolden(const std::string& name, const std::string& page) {
  const std::string path = CNPROC_TEST_DATA "/golden/" + name;
  if (std::getenv("CNPROC_UPDATE_GOLDEN") != nullptr) WriteFile(path, page);
  std::istringstream expected(ReadFile(path));
  std::istringstream actual(page);
  std::string expected_line;
  std::string actual_line;
  int number = 0;
  for (;;) {
    ++number;
    const bool more_expected = static_cast<bool>(std::getline(expected, expected_line));
    const bool more_actual = static_cast<bool>(std::getline(actual, actual_line));
    if (!more_expected && !more_actual) return;
    if (more_expected != more_actual) {
      FAIL() << path << " and the page differ in length at line " << number;
    }
    ASSERT_EQ(actual_line, expected_line) << path << ":" << number;
  }
}

class Golden : public testing::Test {
 protected:
  Golden()
      : exporter_({.flags = {"--connector.replay=" + kRecording, "--connector.replay-speed=0"},
                   .wait_until_ready = false}) {
    const bool ended = Eventually(seconds(10), [&] {
      return exporter_.Get("/-/ready").body.find("ended") != std::string::npos;
    });
    if (!ended) Fail("the replay did not end");
  }

  Exporter exporter_;
};

TEST_F(Golden, TextPage) {
  const std::string page = exporter_.Get().body;
  Page::Parse(page);
  ExpectGolden("workload.prom", MaskVolatile(page));
  const Result promtool = RunWithInput({"promtool", "check", "metrics"}, page);
  EXPECT_EQ(promtool.out + promtool.err, "");
}

TEST_F(Golden, OpenMetricsPage) {
  const std::string page =
      exporter_
          .Get(HttpRequest{.headers = {{"Accept", "application/openmetrics-text; version=1.0.0"}}})
          .body;
  Page::Parse(page, Format::kOpenMetrics);
  ExpectGolden("workload.openmetrics", MaskVolatile(page));
}

}  // namespace
}  // namespace cnproc::e2e
