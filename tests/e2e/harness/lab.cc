// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/harness/lab.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <thread>

#include "tests/e2e/harness/error.h"
#include "tests/e2e/harness/machine.h"

namespace cnproc::e2e {
namespace {

// Longer than the exporter and the witness take to drain their sockets.
constexpr milliseconds kSilence{15 * kPatience};
constexpr milliseconds kLimit = seconds(60);

// On a machine with a long run queue the exporter may lag behind the kernel's silence.
bool HasReadAll(const Exporter& exporter) {
  const std::vector<ConnectorSocket> sockets = ConnectorSockets(exporter.pid());
  return std::all_of(sockets.begin(), sockets.end(),
                     [](const ConnectorSocket& socket) { return socket.queued_bytes == 0; });
}

}  // namespace

int Scaled(int count) {
  const char* divisor = std::getenv("CNPROC_SCALE_DOWN");
  return divisor == nullptr ? count : count / std::stoi(divisor);
}

Cut TakeCut(const Exporter& exporter, const Witness& witness) {
  const auto end = Clock::now() + kLimit;
  while (Clock::now() < end) {
    if (!witness.WaitForSilence(kSilence, kLimit)) break;
    const Seen before = witness.Look();
    if (!HasReadAll(exporter)) continue;
    Page page = exporter.Scrape();
    // What the page has, the witness has by then.
    std::this_thread::sleep_for(kSilence);
    Seen after = witness.Look();
    if ((after - before).Total() == 0) return {std::move(page), std::move(after)};
  }
  Fail("the machine was never silent: end what else makes processes and try again");
}

Window Alone(const Exporter& exporter, const Witness& witness,
             const std::function<void()>& do_something) {
  const auto end = Clock::now() + kLimit;
  while (Clock::now() < end) {
    Window window;
    window.before = TakeCut(exporter, witness);
    do_something();
    window.after = TakeCut(exporter, witness);
    if (window.seen().foreign == 0) return window;
  }
  Fail("others made processes in every window: end them and try again");
}

void Lab::Start(const ExporterOptions& options) {
  exporter_.reset();
  exporter_ = std::make_unique<Exporter>(options);
}

void Lab::TearDown() {
  if (exporter_ && !exporter_->process().Poll()) {
    EXPECT_EQ(exporter_->Stop(), 0) << exporter_->Log();
  }
  if (exporter_ && HasFailure()) GTEST_LOG_(INFO) << "the exporter's log:\n" << exporter_->Log();
}

Window Lab::Alone(const Command& workload) {
  return e2e::Alone(*exporter_, witness_, [&] { RunWorkload(workload); });
}

void ExpectIdentities(const Page& page) {
  EXPECT_EQ(page.Sum("cnproc_events_total", "event", "fork"), page.Sum("cnproc_forks_total"));
  EXPECT_EQ(page.Sum("cnproc_events_total", "event", "exec"), page.Sum("cnproc_execs_total"));
  EXPECT_EQ(page.Sum("cnproc_events_total", "event", "exit"),
            page.Sum("cnproc_process_exits_total") + page["cnproc_thread_exits_total"]);
  EXPECT_EQ(page.Sum("cnproc_process_exits_total", "outcome", "signal"),
            page.Sum("cnproc_exit_signals_total"));
  EXPECT_EQ(page.Sum("cnproc_process_exits_total", "outcome", "error"),
            page.Sum("cnproc_exit_codes_total"));
  EXPECT_EQ(page.Sum("cnproc_process_exits_total"),
            page["cnproc_process_lifetime_seconds_count"] +
                page["cnproc_process_lifetimes_unknown_total"]);
  EXPECT_EQ(page.Sum("cnproc_events_total", "event", "sid"), page["cnproc_sessions_total"]);
  EXPECT_EQ(page.Sum("cnproc_events_total", "event", "ptrace"), page.Sum("cnproc_ptrace_total"));
}

}  // namespace cnproc::e2e
