// SPDX-License-Identifier: Apache-2.0
#include "exporter/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <variant>
#include <vector>

#include "tests/temp_folder.h"

namespace cnproc {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

Options Parse(std::vector<const char*> flags) {
  flags.insert(flags.begin(), "cnproc_exporter");
  const auto parsed = ParseOptions(static_cast<int>(flags.size()), flags.data());
  EXPECT_TRUE(std::holds_alternative<Options>(parsed)) << flags.back();
  return std::get<Options>(parsed);
}

bool IsRefused(const char* flag) {
  const std::vector<const char*> flags = {"cnproc_exporter", flag};
  const auto parsed = ParseOptions(static_cast<int>(flags.size()), flags.data());
  return std::holds_alternative<ExitRequest>(parsed);
}

const LabelPolicy& Of(const Settings& settings, Dimension dimension) {
  return settings.labels[dimension];
}

TEST(ParseDurationTest, ReadsThoseOfPrometheus) {
  EXPECT_EQ(ParseDuration("90s"), 90 * kSecondNs);
  EXPECT_EQ(ParseDuration("15m"), 900 * kSecondNs);
  EXPECT_EQ(ParseDuration("1h30m"), 5'400 * kSecondNs);
  EXPECT_EQ(ParseDuration("1d12h"), 129'600 * kSecondNs);
  EXPECT_EQ(ParseDuration("2w"), 1'209'600 * kSecondNs);
  EXPECT_EQ(ParseDuration("1y"), 31'536'000 * kSecondNs);
  EXPECT_EQ(ParseDuration("1s500ms"), kSecondNs + kSecondNs / 2);
  EXPECT_EQ(ParseDuration("0s"), 0);
  for (const char* text : {"", "15", "m", "15 m", "-1s", "1.5h", "30m1h", "1m1m", "1S", "1x", "1hm",
                           "101y", "99999999999999999999s"}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
}

TEST(SettingsTest, DefaultsAreThoseOfTheContract) {
  const Settings settings = MakeSettings(Parse({}), Config());
  EXPECT_EQ(Of(settings, Dimension::kProgram).limit, 100U);
  EXPECT_EQ(Of(settings, Dimension::kUnit).limit, 100U);
  EXPECT_EQ(Of(settings, Dimension::kContainer).limit, 200U);
  EXPECT_EQ(Of(settings, Dimension::kUser).limit, 50U);
  EXPECT_EQ(settings.lineage.limit, 200U);
  EXPECT_EQ(Of(settings, Dimension::kProgram).idle_timeout_ns, 900 * kSecondNs);
  EXPECT_EQ(Of(settings, Dimension::kContainer).idle_timeout_ns, 300 * kSecondNs);
  EXPECT_FALSE(Of(settings, Dimension::kProgram).remove_idle);
  EXPECT_TRUE(Of(settings, Dimension::kContainer).remove_idle);
  EXPECT_TRUE(settings.program_lifetime);
  EXPECT_TRUE(settings.program_rules.empty());
}

TEST(SettingsTest, AFlagBeatsTheFileAndTheFileTheDefault) {
  const absl::StatusOr<Config> config = ParseConfig(
      "program: {limit: 7, expected: [a]}\nunit: {limit: 8}\nlineage: {limit: 9}\n", "c.yml");
  ASSERT_TRUE(config.ok()) << config.status();
  const Settings settings =
      MakeSettings(Parse({"--collector.program.limit=5", "--collector.user.limit=6",
                          "--collector.idle-timeout=2m", "--collector.container.idle-timeout=3m",
                          "--no-collector.program.lifetime"}),
                   *config);
  EXPECT_EQ(Of(settings, Dimension::kProgram).limit, 5U);
  EXPECT_THAT(Of(settings, Dimension::kProgram).expected, testing::ElementsAre("a"));
  EXPECT_EQ(Of(settings, Dimension::kUnit).limit, 8U);
  EXPECT_EQ(Of(settings, Dimension::kUser).limit, 6U);
  EXPECT_EQ(settings.lineage.limit, 9U);
  EXPECT_EQ(Of(settings, Dimension::kUser).idle_timeout_ns, 120 * kSecondNs);
  EXPECT_EQ(Of(settings, Dimension::kContainer).idle_timeout_ns, 180 * kSecondNs);
  EXPECT_FALSE(settings.program_lifetime);
}

TEST(SettingsTest, BadFlagsAreRefused) {
  for (const char* flag : {"--collector.program.limit=0", "--collector.unit.limit=-1",
                           "--collector.user.limit=many", "--collector.container.limit=100001",
                           "--collector.idle-timeout=15", "--collector.container.idle-timeout=x"}) {
    EXPECT_TRUE(IsRefused(flag)) << flag;
  }
}

TEST(SettingsTest, TheFileIsReadIfOneIsNamed) {
  EXPECT_TRUE(ReadSettings(Parse({})).ok());
  const TempFolder folder;
  const std::string file = folder.Path("config.yml");
  std::ofstream(file) << "unit: {limit: 3}\n";
  const std::string flag = "--config.file=" + file;
  const absl::StatusOr<Settings> settings = ReadSettings(Parse({flag.c_str()}));
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(Of(*settings, Dimension::kUnit).limit, 3U);
  std::filesystem::remove(file);
  EXPECT_FALSE(ReadSettings(Parse({flag.c_str()})).ok());
}

TEST(SettingsTest, ExpectedValuesFitIntoTheLimit) {
  const TempFolder folder;
  const std::string file = folder.Path("config.yml");
  std::ofstream(file) << "program: {expected: [a, b, c]}\n";
  const std::string flag = "--config.file=" + file;
  EXPECT_TRUE(ReadSettings(Parse({flag.c_str(), "--collector.program.limit=3"})).ok());
  const absl::Status status =
      ReadSettings(Parse({flag.c_str(), "--collector.program.limit=2"})).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(status.message()),
            "--config.file: " + file +
                ": program: 3 expected values do not fit into the limit of 2; raise it, here or by "
                "--collector.program.limit");
}

TEST(SettingsTest, SaysWhatIsExpectedInVain) {
  const absl::StatusOr<Config> config = ParseConfig(
      "program:\n"
      "  rules: [{match: {cmdline: '.* -m (.*)'}, name: 'python:$1'}]\n"
      "  expected: [postgres, exactly15bytes_, kube-controller-manager, 'python:a-long-module']\n"
      "unit:\n"
      "  expected: [nginx.service, nginx, getty@tty1.service, user.slice, session-3.scope,\n"
      "             session.scope, cron.timer]\n",
      "c.yml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(
      ImpossibleExpectations(MakeSettings(Parse({}), *config)),
      testing::ElementsAre(
          "the expected program \"kube-controller-manager\" can never be there: names have 15 "
          "bytes, unless a rule gives longer ones: expect \"kube-controller\" or add a rule",
          "the expected unit \"nginx\" can never be there: no unit that holds processes has such a "
          "name: give it whole, as \"nginx.service\"",
          "the expected unit \"user.slice\" can never be there: slices hold no processes "
          "themselves: expect units in it",
          "the expected unit \"session-3.scope\" can never be there: it is counted as "
          "\"session.scope\", as its name is made of an id",
          "the expected unit \"cron.timer\" can never be there: no unit that holds processes has "
          "such a name: give it whole, as \"nginx.service\""));
  // A container's scope is none.
  const std::string scope = "docker-" + std::string(64, 'a') + ".scope";
  const absl::StatusOr<Config> other = ParseConfig("unit: {expected: [" + scope + "]}\n", "c.yml");
  EXPECT_THAT(ImpossibleExpectations(MakeSettings(Parse({}), *other)),
              testing::ElementsAre(testing::HasSubstr("it is a container")));
}

}  // namespace
}  // namespace cnproc
