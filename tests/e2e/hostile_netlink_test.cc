// SPDX-License-Identifier: Apache-2.0
// Given other tools, hostile or broken, on the same connector, then the numbers stay right.
#include <gtest/gtest.h>

#include "tests/e2e/harness/error.h"
#include "tests/e2e/harness/lab.h"
#include "tests/e2e/harness/machine.h"

namespace cnproc::e2e {
namespace {

const std::string kForeign = "cnproc_messages_rejected_total{reason=\"foreign_sender\"}";

class HostileNetlink : public Lab {
 protected:
  void SetUp() override { Start(); }

  // The ports of the exporter that listen to events.
  std::vector<std::string> Ports() {
    std::vector<std::string> ports;
    for (const ConnectorSocket& socket : ConnectorSockets(exporter().pid())) {
      if (socket.groups != 0) ports.push_back(std::to_string(socket.port));
    }
    if (ports.empty()) Fail("the exporter has no socket of the connector");
    return ports;
  }

  void ExpectStillExact() {
    const Window window = Alone({"exit", "50", "77"});
    EXPECT_EQ(window.delta()["cnproc_exit_codes_total{code=\"77\"}"], 50);
    EXPECT_EQ(window.delta()["cnproc_forks_total{kind=\"process\"}"], 51);
    EXPECT_EQ(window.after.page["cnproc_up"], 1);
    ExpectIdentities(window.after.page);
  }
};

TEST_F(HostileNetlink, ForgedEventsAreRefusedAndCounted) {
  const std::vector<std::string> ports = Ports();
  const Window window = e2e::Alone(exporter(), witness(), [&] {
    for (const std::string& port : ports) {
      RunWorkload({"forge", port, "100", "fork"});
      RunWorkload({"forge", port, "100", "comm"});
    }
  });
  // Each kind is let through by the filter of one socket.
  EXPECT_EQ(window.delta()[kForeign], 200);
  EXPECT_EQ(window.delta()["cnproc_forks_total{kind=\"process\"}"],
            static_cast<int64_t>(2 * ports.size()));
  EXPECT_EQ(window.delta()["cnproc_events_total{event=\"comm\"}"], 0);
  EXPECT_EQ(window.delta().Sum("cnproc_events_lost_total"), 0);
  ExpectStillExact();
}

TEST_F(HostileNetlink, BrokenMessagesDoNoHarm) {
  const Page before = exporter().Scrape();
  for (const std::string& port : Ports()) RunWorkload({"broken", port});
  ExpectStillExact();
  const Delta delta(before, exporter().Scrape());
  EXPECT_GT(delta[kForeign], 0);
  EXPECT_EQ(delta["cnproc_messages_rejected_total{reason=\"malformed\"}"], 0)
      << "whoever sent it, it was not the kernel";
  EXPECT_EQ(delta.Sum("cnproc_events_lost_total"), 0);
}

TEST_F(HostileNetlink, ToolsThatComeAndGoDisturbNothing) {
  const Window window = Alone({"listen", "20"});
  EXPECT_EQ(window.delta().Sum("cnproc_events_lost_total"), 0);
  EXPECT_EQ(window.delta().Sum("cnproc_resubscriptions_total"), 0);
  EXPECT_EQ(window.delta().Sum("cnproc_messages_rejected_total"), 0);
  ExpectStillExact();
}

TEST_F(HostileNetlink, AFloodOfForgedEventsLosesNothingOfTheKernels) {
  const std::string port = Ports().front();
  const Cut before = TakeCut();
  RunWorkload({"forge", port, "20000", "fork"});
  RunWorkload({"exit", "100", "77"});
  const Cut after = TakeCut();
  const Delta delta(before.page, after.page);
  EXPECT_EQ(delta["cnproc_exit_codes_total{code=\"77\"}"], 100);
  EXPECT_EQ(delta["cnproc_events_lost_total{reason=\"kernel\"}"], 0);
  for (const auto& [event, count] : (after.seen - before.seen).events) {
    EXPECT_EQ(delta["cnproc_events_total{event=\"" + event + "\"}"], count) << event;
  }
}

// Before 6.6 one count of listeners is shared by all: without a witness, three stray IGNOREs mute
// the exporter. Later kernels know who listens.
TEST(StrayIgnores, AreHealedOrHarmless) {
  Exporter exporter;
  RunWorkload({"ignore", "4"});
  RunWorkload({"exit", "50", "76"});
  const bool healed = Eventually(seconds(20), [&] {
    const Page page = exporter.Scrape();
    return AnyoneMayListen() || page["cnproc_resubscriptions_total{reason=\"muted\"}"] >= 1;
  });
  EXPECT_TRUE(healed) << exporter.Log();
  EXPECT_TRUE(Eventually(seconds(5), [&] { return exporter.Scrape()["cnproc_up"] == 1; }));
  const Page muted = exporter.Scrape();
  if (!AnyoneMayListen()) {
    // A lower bound: the audit may have been under way.
    EXPECT_GE(muted["cnproc_events_lost_total{reason=\"unsubscribed\"}"], 1);
    EXPECT_TRUE(Eventually(seconds(6), [&] {
      return exporter.Scrape()["cnproc_resyncs_total{reason=\"resubscribe\"}"] >= 1;
    }));
  } else {
    EXPECT_EQ(muted.Sum("cnproc_resubscriptions_total"), 0);
  }
  const Witness witness;  // not before: it would be a listener too many for the muting
  const Window window = Alone(exporter, witness, [] { RunWorkload({"exit", "500", "77"}); });
  EXPECT_EQ(window.delta()["cnproc_exit_codes_total{code=\"77\"}"], 500);
  ExpectIdentities(exporter.Scrape());
  EXPECT_EQ(exporter.Stop(), 0);
}

}  // namespace
}  // namespace cnproc::e2e
