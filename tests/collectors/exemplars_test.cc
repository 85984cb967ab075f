// SPDX-License-Identifier: Apache-2.0
// Who the exemplars say it was.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <string>

#include "tests/collectors/who_world.h"

namespace cnproc {
namespace {

using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

constexpr uint32_t kCoreWritten = 0x80;
constexpr int64_t kSecondNs = 1'000'000'000;

std::string Written(const Exemplar& exemplar) {
  std::string text;
  for (const auto& label : exemplar.labels) text += label.name + "=" + label.value + " ";
  return text;
}

std::string Written(const Labels& labels) {
  std::string text;
  for (const auto& label : labels) text += (text.empty() ? "" : ",") + label.value;
  return text;
}

class ExemplarsTest : public testing::Test {
 protected:
  ExemplarsTest() : world_({.limit = 3, .collectors = {"processes", "program", "unit"}}) {}
  void SetUp() override { world_.Scan({SnapshotOf(1, "init")}, {Comm("init")}); }
  void Start(pid_t pid, const std::string& comm) {
    world_.Fork(pid, 1);
    world_.Exec(pid, Comm(comm, "/system.slice/a.service"));
  }

  // By the values of the series' labels; those without an exemplar are not there.
  std::map<std::string, std::string> OfCounters(const std::string& name) const {
    std::map<std::string, std::string> found;
    const Families families = world_.Collect();
    for (const Family* family : families.in_order()) {
      if (family->metrics.name != name) continue;
      for (size_t i = 0; i < family->metrics.metric.size(); ++i) {
        const auto& exemplar = family->extra[i].exemplar;
        if (exemplar) found[Written(family->metrics.metric[i].label)] = Written(*exemplar);
      }
    }
    return found;
  }
  // By bucket, of the histogram of lifetimes.
  std::map<size_t, Exemplar> OfLifetimes() const {
    const Families families = world_.Collect();
    for (const Family* family : families.in_order()) {
      if (family->metrics.name != "cnproc_process_lifetime_seconds") continue;
      const auto& exemplars = family->extra.front().bucket_exemplars;
      return {exemplars.begin(), exemplars.end()};
    }
    return {};
  }

  WhoWorld world_;
};

TEST_F(ExemplarsTest, NamesTheNewestOfEachSignalAndOfEachCoreDump) {
  EXPECT_THAT(OfCounters("cnproc_exit_signals_total"), IsEmpty());
  // Given two programs killed by one signal, one after the other, and one by another signal
  Start(2, "first");
  world_.Exit(2, SIGSEGV | kCoreWritten);
  Start(3, "second");
  world_.Exit(3, SIGSEGV);
  Start(4, "second");
  world_.Exit(4, SIGTERM);
  // And one that just ends
  Start(5, "second");
  world_.Exit(5);
  // Then each series names the newest of its own
  EXPECT_THAT(OfCounters("cnproc_exit_signals_total"),
              UnorderedElementsAre(Pair("SIGSEGV", "pid=3 program=second "),
                                   Pair("SIGTERM", "pid=4 program=second ")));
  EXPECT_THAT(OfCounters("cnproc_coredumps_total"),
              UnorderedElementsAre(Pair("SIGSEGV,true", "pid=2 program=first "),
                                   Pair("SIGSEGV,false", "pid=3 program=second ")));
  EXPECT_THAT(OfCounters("cnproc_unit_coredumps_total"),
              UnorderedElementsAre(Pair("a.service", "pid=3 program=second ")));
  // A program or unit has one place for signals: its newest.
  EXPECT_THAT(OfCounters("cnproc_unit_exit_signals_total"),
              UnorderedElementsAre(Pair("SIGTERM,a.service", "pid=4 program=second ")));
  EXPECT_THAT(OfCounters("cnproc_process_exits_total"), IsEmpty());
}

TEST_F(ExemplarsTest, NamesTheNewestOfEachBucketOfLifetimesWithItsTime) {
  Start(2, "long");
  world_.Advance(20 * kSecondNs);
  world_.Exit(2);
  const double ended = static_cast<double>(world_.identities().now_ns() + WhoWorld::kUnixOffsetNs);
  Start(3, "short");
  world_.Exit(3);
  const auto exemplars = OfLifetimes();
  ASSERT_EQ(exemplars.size(), 2U);
  // le="60.0", and le="0.01": 2 ms, one for each event
  ASSERT_EQ(exemplars.count(5), 1U);
  EXPECT_EQ(Written(exemplars.at(5)), "pid=2 program=long ");
  EXPECT_NEAR(exemplars.at(5).value, 20, 0.01);
  EXPECT_NEAR(exemplars.at(5).timestamp_seconds, ended * 1e-9, 0.001);
  ASSERT_EQ(exemplars.count(1), 1U);
  EXPECT_EQ(Written(exemplars.at(1)), "pid=3 program=short ");
  // And stays as it is, whatever the clocks do
  world_.Advance(kSecondNs);
  EXPECT_EQ(OfLifetimes().at(5).timestamp_seconds, exemplars.at(5).timestamp_seconds);
}

TEST_F(ExemplarsTest, HasNoNameForAProgramThatGaveWay) {
  Start(2, "gone");
  world_.Exit(2, SIGABRT);
  world_.Advance(2 * WhoWorld::kIdleTimeoutNs);
  // There is room for three: init, and two newcomers, one in the place of "gone"
  Start(3, "one");
  Start(4, "two");
  ASSERT_EQ(world_.Program(4), "two");
  EXPECT_THAT(OfCounters("cnproc_exit_signals_total"),
              UnorderedElementsAre(Pair("SIGABRT", "pid=2 ")));
}

TEST_F(ExemplarsTest, KeepsToTheLimitOfOpenMetrics) {
  const std::string name(200, 'x');
  Start(2, name);
  world_.Exit(2, SIGABRT);
  const std::string two_bytes = "\xc3\xa9";
  std::string accented = "x";
  for (int i = 0; i < 100; ++i) accented += two_bytes;
  EXPECT_THAT(
      OfCounters("cnproc_exit_signals_total"),
      UnorderedElementsAre(Pair("SIGABRT", "pid=2 program=" + std::string(100, 'x') + " ")));
  world_.Advance(2 * WhoWorld::kIdleTimeoutNs);
  Start(3, accented);
  world_.Exit(3, SIGKILL);
  // Cut between two characters
  EXPECT_EQ(OfCounters("cnproc_exit_signals_total").at("SIGKILL"),
            "pid=3 program=" + accented.substr(0, 99) + " ");
}

}  // namespace
}  // namespace cnproc
