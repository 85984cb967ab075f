// SPDX-License-Identifier: Apache-2.0
#include "exporter/self_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <ctime>
#include <map>
#include <string>

namespace cnproc {
namespace {

using ::testing::Key;
using ::testing::UnorderedElementsAre;

std::map<std::string, double> Values(const std::string& procfs) {
  Families families;
  CollectProcessMetrics(families, procfs);
  std::map<std::string, double> values;
  for (const Family* family : families.in_order()) {
    const auto& metric = family->metrics.metric.at(0);
    values[family->metrics.name] = family->metrics.type == prometheus::MetricType::Counter
                                       ? metric.counter.value
                                       : metric.gauge.value;
  }
  return values;
}

TEST(CollectProcessMetrics, TellsOfThisProcess) {
  auto values = Values("/proc");

  ASSERT_THAT(values,
              UnorderedElementsAre(Key("process_cpu_seconds_total"), Key("process_max_fds"),
                                   Key("process_open_fds"), Key("process_resident_memory_bytes"),
                                   Key("process_start_time_seconds"), Key("process_threads"),
                                   Key("process_virtual_memory_bytes")));
  rlimit limit = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(values["process_max_fds"], static_cast<double>(limit.rlim_cur));
  EXPECT_GE(values["process_open_fds"], 3);
  EXPECT_GE(values["process_threads"], 1);
  EXPECT_GT(values["process_resident_memory_bytes"], 1e6);
  EXPECT_GT(values["process_virtual_memory_bytes"], values["process_resident_memory_bytes"]);
  EXPECT_LE(values["process_start_time_seconds"], static_cast<double>(time(nullptr)) + 1);
  EXPECT_GE(values["process_start_time_seconds"], static_cast<double>(time(nullptr)) - 86400);
}

TEST(CollectProcessMetrics, LeavesOutWhatCannotBeRead) {
  EXPECT_TRUE(Values("/nonexistent").empty());
}

}  // namespace
}  // namespace cnproc
