// SPDX-License-Identifier: Apache-2.0
// Given a flag of the contract that changes what is served, then the real exporter serves it so.
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "tests/e2e/harness/exporter.h"
#include "tests/e2e/harness/machine.h"
#include "tests/e2e/who_lab.h"

namespace cnproc::e2e {
namespace {

const std::string kRecording = CNPROC_TEST_DATA "/fixtures/workload.pcap";

bool HasFamilyOf(const Page& page, const std::string& prefix) {
  for (const PageFamily& family : page.families()) {
    if (family.name.rfind(prefix, 0) == 0) return true;
  }
  return false;
}

TEST(Flags, DisableExporterMetricsLeavesProcessMetricsOut) {
  const Exporter with;
  const Exporter without({.flags = {"--web.disable-exporter-metrics"}});
  EXPECT_TRUE(HasFamilyOf(with.Scrape(), "process_"));
  EXPECT_FALSE(HasFamilyOf(without.Scrape(), "process_"));
  EXPECT_TRUE(HasFamilyOf(without.Scrape(), "cnproc_exporter_build_info"));
}

TEST(Flags, OpenmetricsCreatedWritesStartTimes) {
  const HttpRequest request{.headers = {{"Accept", "application/openmetrics-text;version=1.0.0"}}};
  const Exporter without;
  EXPECT_EQ(without.Get(request).body.find("_created"), std::string::npos);
  const Exporter with({.flags = {"--web.openmetrics-created"}});
  const std::string page = with.Get(request).body;
  for (const char* family :
       {"cnproc_forks", "cnproc_process_lifetime_seconds", "process_cpu_seconds"}) {
    EXPECT_NE(page.find(std::string("\n") + family + "_created"), std::string::npos) << family;
  }
}

TEST(Flags, AnIdleTimeoutBelowTwoMinutesDrawsAWarning) {
  const Exporter shorter({.flags = {"--collector.idle-timeout=30s"}});
  EXPECT_NE(shorter.Log().find("level=warn"), std::string::npos) << shorter.Log();
  EXPECT_NE(shorter.Log().find("--collector.idle-timeout"), std::string::npos) << shorter.Log();
}

TEST(Flags, ReplayLoopBeginsAgain) {
  const Command replay = {"--connector.replay=" + kRecording, "--connector.replay-speed=0"};
  Exporter once({.flags = replay, .wait_until_ready = false});
  Command loop = replay;
  loop.push_back("--connector.replay-loop");
  Exporter again({.flags = loop});
  std::this_thread::sleep_for(milliseconds(500));
  const Page first = once.Scrape();
  const Page looped = again.Scrape();
  EXPECT_EQ(first["cnproc_up"], 0) << "the end of the recording";
  EXPECT_EQ(looped["cnproc_up"], 1);
  EXPECT_GT(looped["cnproc_events_total{event=\"fork\"}"],
            2 * first["cnproc_events_total{event=\"fork\"}"]);
  EXPECT_EQ(looped.Sum("cnproc_events_lost_total"), 0) << "its numbers start anew";
}

TEST_F(Who, KubeletsPlainPathsHaveTheRuntimeOfTheFlag) {
  const std::string id(64, 'b');
  Exporter exporter({.flags = {"--collector.container.kubelet-runtime=cri-o"}});
  Cgroup cgroup("pids", "/kubepods/pod11111111-2222-3333-4444-555555555555/" + id);
  const int status = Wait(Fork([&] {
    if (!cgroup.Enter()) return 1;
    execl("/bin/sleep", "/bin/sleep", "0.3", nullptr);
    return 1;
  }));
  ASSERT_EQ(status, 0);
  EXPECT_EQ(
      exporter.Scrape()["cnproc_container_info{container_id=\"cri-o://" + id +
                        "\",pod_uid=\"11111111-2222-3333-4444-555555555555\",runtime=\"cri-o\"}"],
      1);
}

}  // namespace
}  // namespace cnproc::e2e
