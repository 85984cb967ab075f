// SPDX-License-Identifier: Apache-2.0
#include "exporter/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cnproc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::variant<Options, ExitRequest> Parse(std::vector<const char*> flags) {
  flags.insert(flags.begin(), "cnproc_exporter");
  return ParseOptions(static_cast<int>(flags.size()), flags.data());
}

Options Accepted(std::vector<const char*> flags) {
  auto parsed = Parse(std::move(flags));
  if (const auto* exit = std::get_if<ExitRequest>(&parsed)) {
    ADD_FAILURE() << exit->text;
    return {};
  }
  return std::get<Options>(parsed);
}

ExitRequest Refused(std::vector<const char*> flags) {
  auto parsed = Parse(std::move(flags));
  if (std::holds_alternative<Options>(parsed)) return {};
  return std::get<ExitRequest>(parsed);
}

std::vector<std::string> Names(const Options& options) {
  std::vector<std::string> names;
  for (const CollectorSpec* spec : options.collectors) names.emplace_back(spec->name);
  return names;
}

TEST(OptionsTest, DefaultsAreThoseOfTheContract) {
  const Options options = Accepted({});
  EXPECT_THAT(options.listen_addresses, ElementsAre(":10119"));
  EXPECT_EQ(options.telemetry_path, "/metrics");
  EXPECT_EQ(options.max_requests, 40);
  EXPECT_EQ(options.receive_buffer_bytes, 8u << 20);
  EXPECT_EQ(options.record_max_bytes, 1u << 30);
  EXPECT_EQ(options.replay_speed, 1);
  EXPECT_EQ(options.procfs_root, "/proc");
  EXPECT_EQ(options.cgroupfs_root, "/sys/fs/cgroup");
  EXPECT_EQ(options.idle_timeout_ns, int64_t{900} * 1'000'000'000);
  EXPECT_EQ(options.container_idle_timeout_ns, int64_t{300} * 1'000'000'000);
  EXPECT_EQ(options.kubelet_runtime, "containerd");
  EXPECT_TRUE(options.program_lifetime);
  EXPECT_TRUE(options.exemplars);
  EXPECT_FALSE(options.openmetrics_created);
  EXPECT_FALSE(options.disable_exporter_metrics);
  EXPECT_EQ(options.log_level, Severity::kInfo);
  EXPECT_EQ(options.log_format, LogFormat::kLogfmt);
  EXPECT_THAT(Names(options), ElementsAre("stream", "processes", "program", "unit", "container",
                                          "user", "taskstats", "oom", "usage"));
  EXPECT_EQ(options.usage_interval_ns, int64_t{15} * 1'000'000'000);
  EXPECT_EQ(options.usage_cpu_percent, 0.5);
}

TEST(OptionsTest, SamplingHasAnIntervalAndABudget) {
  const Options options =
      Accepted({"--collector.usage.interval=1m", "--collector.usage.cpu-budget=2.5"});
  EXPECT_EQ(options.usage_interval_ns, int64_t{60} * 1'000'000'000);
  EXPECT_EQ(options.usage_cpu_percent, 2.5);
  for (const char* flag : {"--collector.usage.interval=0s", "--collector.usage.interval=500ms",
                           "--collector.usage.interval=1s500ms", "--collector.usage.interval=often",
                           "--collector.usage.cpu-budget=0", "--collector.usage.cpu-budget=-1",
                           "--collector.usage.cpu-budget=101", "--collector.usage.cpu-budget=nan",
                           "--collector.usage.cpu-budget=much"}) {
    EXPECT_EQ(Refused({flag}).status, 2) << flag;
  }
}

TEST(OptionsTest, ListenAddressesRepeat) {
  const Options options =
      Accepted({"--web.listen-address=127.0.0.1:1", "--web.listen-address=[::1]:2"});
  EXPECT_THAT(options.listen_addresses, ElementsAre("127.0.0.1:1", "[::1]:2"));
}

TEST(OptionsTest, AnAddressIsGivenOnce) {
  const ExitRequest refused = Refused({"--web.listen-address=:1", "--web.listen-address=:1"});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.text, HasSubstr("--web.listen-address: `:1` is given twice"));
}

TEST(OptionsTest, CollectorsAreSwitchedAsInNodeExporter) {
  EXPECT_THAT(Names(Accepted({"--no-collector.processes"})), Not(testing::Contains("processes")));
  // Of several the last counts, so that flags can be appended to a package's.
  EXPECT_THAT(Names(Accepted({"--no-collector.processes", "--collector.processes"})),
              testing::Contains("processes"));
  EXPECT_THAT(Names(Accepted({"--collector.processes", "--no-collector.processes"})),
              Not(testing::Contains("processes")));
  EXPECT_THAT(Names(Accepted({"--collector.disable-defaults"})), ElementsAre("stream"));
  const Options named = Accepted({"--collector.disable-defaults", "--collector.processes"});
  EXPECT_THAT(Names(named), ElementsAre("stream", "processes"));
  EXPECT_THAT(named.named_collectors, ElementsAre("processes"));
}

TEST(OptionsTest, RefusalsAreOneLineThatNamesTheFlag) {
  for (const char* flag : {"--no-such-flag",
                           "--web.telemetry-path=metrics",
                           "--web.max-requests=0",
                           "--web.listen-address=nonsense",
                           "--connector.receive-buffer=8 elephants",
                           "--connector.receive-buffer=1GiB",
                           "--connector.receive-buffer=2KiB",
                           "--log.level=loud",
                           "--log.format=xml",
                           "--path.procfs=/does/not/exist",
                           "--connector.replay-speed=2",
                           "--collector.stream",
                           "--collector.oom=maybe",
                           "--path.procfs=/etc",
                           "--path.cgroupfs=/does/not/exist",
                           "--web.max-requests=0x10",
                           "--web.max-requests=040",
                           "--collector.unit.limit=1e2",
                           "--web.telemetry-path=/",
                           "--web.telemetry-path=/-/ready",
                           "--web.telemetry-path=/a?b",
                           "--web.telemetry-path=/a%20b",
                           "--web.telemetry-path=/rules/x",
                           "--connector.record-max-size=1MiB",
                           "--collector.container.kubelet-runtime=a b"}) {
    const ExitRequest refused = Refused({flag});
    EXPECT_EQ(refused.status, 2) << flag;
    const std::string name(flag, std::min(std::string(flag).find('='), std::string(flag).size()));
    EXPECT_THAT(refused.text, HasSubstr(name));
    EXPECT_EQ(std::count(refused.text.begin(), refused.text.end(), '\n'), 1) << refused.text;
  }
}

TEST(OptionsTest, WhatBelongsToNoFlagIsRefused) {
  EXPECT_EQ(Refused({"stray"}).status, 2);
  EXPECT_EQ(Refused({"--web.listen-address=127.0.0.1:1", "127.0.0.1:2"}).status, 2);
  EXPECT_EQ(Refused({"--web.listen-address", "127.0.0.1:1", "127.0.0.1:2"}).status, 2);
}

TEST(OptionsTest, ARecordingIsEitherWrittenOrRead) {
  EXPECT_EQ(Refused({"--connector.record=a", "--connector.replay=b"}).status, 2);
}

TEST(OptionsTest, HelpAndVersionGoToStdout) {
  EXPECT_EQ(Refused({"--help"}).status, 0);
  EXPECT_EQ(Refused({"-h"}).status, 0);
  EXPECT_THAT(Refused({"--help"}).text, HasSubstr("--connector.netns"));
  EXPECT_THAT(Refused({"--version"}).text, HasSubstr("cnproc_exporter, version"));
}

TEST(ParseSizeTest, BytesOrBinaryUnits) {
  EXPECT_EQ(ParseSize("4096"), 4096u);
  EXPECT_EQ(ParseSize("64KiB"), 64u << 10);
  EXPECT_EQ(ParseSize("8MiB"), 8u << 20);
  EXPECT_EQ(ParseSize("1GiB"), 1u << 30);
  for (const char* text : {"", "MiB", "-1", "+1", " 1", "1 MiB", "1MB", "1.5MiB", "0x10",
                           "99999999999999999999", "99999999999999GiB"}) {
    EXPECT_EQ(ParseSize(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace cnproc
