// SPDX-License-Identifier: Apache-2.0
// Given a workload that does a known number of things, then exactly that number is counted.
// Whatever a workload makes, its own process comes on top: one fork, one exec, one exit.
#include <gtest/gtest.h>

#include "tests/e2e/harness/lab.h"
#include "tests/e2e/harness/machine.h"

namespace cnproc::e2e {
namespace {

class KnownNumbers : public Lab {
 protected:
  void SetUp() override { Start(); }

  // The exporter agrees with the witness about every kind of event, and with itself.
  void ExpectTruth(const Window& window) {
    const Delta delta = window.delta();
    for (const auto& [event, count] : window.seen().events) {
      EXPECT_EQ(delta["cnproc_events_total{event=\"" + event + "\"}"], count) << event;
    }
    EXPECT_EQ(delta["cnproc_forks_total{kind=\"process\"}"], window.seen().process_forks);
    EXPECT_EQ(delta["cnproc_forks_total{kind=\"thread\"}"], window.seen().thread_forks);
    EXPECT_EQ(delta["cnproc_kernel_forks_total"], window.seen().events.at("fork"));
    EXPECT_EQ(delta.Sum("cnproc_events_lost_total"), 0);
    ExpectIdentities(window.after.page);
  }
};

TEST_F(KnownNumbers, ExitCodes) {
  const Window window = Alone({"exit", "500", "77"});
  const Delta delta = window.delta();
  EXPECT_EQ(delta["cnproc_exit_codes_total{code=\"77\"}"], 500);
  EXPECT_EQ(delta["cnproc_process_exits_total{outcome=\"error\"}"], 500);
  EXPECT_EQ(delta["cnproc_process_exits_total{outcome=\"success\"}"], 1);
  EXPECT_EQ(delta["cnproc_process_exits_total{outcome=\"signal\"}"], 0);
  EXPECT_EQ(delta["cnproc_forks_total{kind=\"process\"}"], 501);
  EXPECT_EQ(delta["cnproc_forks_total{kind=\"thread\"}"], 0);
  EXPECT_EQ(delta["cnproc_execs_total"], 1);
  EXPECT_EQ(delta["cnproc_thread_exits_total"], 0);
  ExpectTruth(window);
}

TEST_F(KnownNumbers, SuccessIsNoCode) {
  const Window window = Alone({"exit", "30", "0"});
  EXPECT_EQ(window.delta()["cnproc_process_exits_total{outcome=\"success\"}"], 31);
  EXPECT_EQ(window.delta().Sum("cnproc_exit_codes_total"), 0);
}

TEST_F(KnownNumbers, CoreDumpsThatAreNotWritten) {
  const Window window = Alone({"signal", "40", "6"});
  const Delta delta = window.delta();
  EXPECT_EQ(delta["cnproc_coredumps_total{signal=\"SIGABRT\",written=\"false\"}"], 40);
  EXPECT_EQ(delta["cnproc_coredumps_total{signal=\"SIGABRT\",written=\"true\"}"], 0);
  EXPECT_EQ(delta["cnproc_exit_signals_total{signal=\"SIGABRT\"}"], 40);
  EXPECT_EQ(delta["cnproc_process_exits_total{outcome=\"signal\"}"], 40);
  EXPECT_EQ(delta["cnproc_events_total{event=\"coredump\"}"], 40);
  ExpectTruth(window);
}

TEST_F(KnownNumbers, CoreDumpsThatAreWritten) {
  const Window window = Alone({"signal", "3", "11", "core"});
  const Delta delta = window.delta();
  EXPECT_EQ(delta["cnproc_coredumps_total{signal=\"SIGSEGV\",written=\"true\"}"], 3);
  EXPECT_EQ(delta["cnproc_coredumps_total{signal=\"SIGSEGV\",written=\"false\"}"], 0);
  ExpectTruth(window);
}

TEST_F(KnownNumbers, SignalsThatDumpNoCore) {
  const Window killed = Alone({"signal", "7", "9"});
  EXPECT_EQ(killed.delta()["cnproc_exit_signals_total{signal=\"SIGKILL\"}"], 7);
  EXPECT_EQ(killed.delta().Sum("cnproc_coredumps_total"), 0);
  const Window realtime = Alone({"signal", "5", "40"});
  EXPECT_EQ(realtime.delta()["cnproc_exit_signals_total{signal=\"realtime\"}"], 5);
  EXPECT_EQ(realtime.delta().Sum("cnproc_coredumps_total"), 0);
}

TEST_F(KnownNumbers, Threads) {
  const Window window = Alone({"threads", "3000"});
  const Delta delta = window.delta();
  EXPECT_EQ(delta["cnproc_forks_total{kind=\"thread\"}"], 3000);
  EXPECT_EQ(delta["cnproc_thread_exits_total"], 3000);
  EXPECT_EQ(delta["cnproc_forks_total{kind=\"process\"}"], 1);
  EXPECT_EQ(delta.Sum("cnproc_process_exits_total"), 1);
  ExpectTruth(window);
}

TEST_F(KnownNumbers, ExecByThreadEndsAProcessOnce) {
  const Window window = Alone({"exec-by-thread", "20", "91"});
  const Delta delta = window.delta();
  EXPECT_EQ(delta["cnproc_exit_codes_total{code=\"91\"}"], 20);
  EXPECT_EQ(delta.Sum("cnproc_process_exits_total"), 21);
  EXPECT_EQ(delta["cnproc_thread_exits_total"], 20);
  EXPECT_EQ(delta["cnproc_execs_total"], 21);
  EXPECT_EQ(window.before.page["cnproc_processes"], window.after.page["cnproc_processes"]);
  EXPECT_EQ(window.before.page["cnproc_threads"], window.after.page["cnproc_threads"]);
  ExpectTruth(window);
}

TEST_F(KnownNumbers, TheLastThreadCarriesTheStatus) {
  const Window window = Alone({"leader-first", "20", "92"});
  const Delta delta = window.delta();
  EXPECT_EQ(delta["cnproc_exit_codes_total{code=\"92\"}"], 20);
  EXPECT_EQ(delta["cnproc_process_exits_total{outcome=\"success\"}"], 1);
  EXPECT_EQ(delta["cnproc_thread_exits_total"], 20);
  EXPECT_EQ(window.before.page["cnproc_processes"], window.after.page["cnproc_processes"]);
  ExpectTruth(window);
}

TEST_F(KnownNumbers, UserIdsAndEscalations) {
  const Window window = Alone({"uid", "100"});
  const Delta delta = window.delta();
  EXPECT_EQ(delta["cnproc_credential_changes_total{credential=\"uid\",to=\"other\"}"], 100);
  EXPECT_EQ(delta["cnproc_credential_changes_total{credential=\"uid\",to=\"root\"}"], 100);
  EXPECT_EQ(delta["cnproc_privilege_escalations_total"], 100);
  ExpectTruth(window);
}

TEST_F(KnownNumbers, GroupIds) {
  const Window window = Alone({"gid", "100"});
  const Delta delta = window.delta();
  EXPECT_EQ(delta["cnproc_credential_changes_total{credential=\"gid\",to=\"other\"}"], 100);
  EXPECT_EQ(delta["cnproc_credential_changes_total{credential=\"gid\",to=\"root\"}"], 100);
  EXPECT_EQ(delta["cnproc_privilege_escalations_total"], 0);
  ExpectTruth(window);
}

TEST_F(KnownNumbers, SessionsTracesAndNames) {
  const Window sessions = Alone({"sid", "30"});
  EXPECT_EQ(sessions.delta()["cnproc_sessions_total"], 30);
  ExpectTruth(sessions);
  const Window traces = Alone({"ptrace", "30"});
  EXPECT_EQ(traces.delta()["cnproc_ptrace_total{action=\"attach\"}"], 30);
  EXPECT_EQ(traces.delta()["cnproc_ptrace_total{action=\"detach\"}"], 30);
  ExpectTruth(traces);
  const Window names = Alone({"comm", "200"});
  EXPECT_EQ(names.delta()["cnproc_events_total{event=\"comm\"}"], 200);
  ExpectTruth(names);
}

TEST_F(KnownNumbers, Execs) {
  const Window window = Alone({"execs", "300", "0"});
  EXPECT_EQ(window.delta()["cnproc_execs_total"], 301);
  // The workload, the one that starts them, and they.
  EXPECT_EQ(window.delta()["cnproc_forks_total{kind=\"process\"}"], 302);
  ExpectTruth(window);
}

TEST_F(KnownNumbers, LifetimesOfShortProcesses) {
  const Window window = Alone({"exit", "200", "77"});
  const Delta delta = window.delta();
  EXPECT_EQ(delta["cnproc_process_lifetime_seconds_count"], 201);
  EXPECT_GE(delta["cnproc_process_lifetime_seconds_bucket{le=\"1.0\"}"], 200);
  EXPECT_EQ(delta["cnproc_process_lifetimes_unknown_total"], 0);
}

TEST_F(KnownNumbers, TheGaugesShowWhatLives) {
  Page during;
  Tasks by_proc;
  const Window window = e2e::Alone(exporter(), witness(), [&] {
    HeldProcesses held(50, 3);
    during = TakeCut().page;
    by_proc = CountTasks();
    held.Release();
  });
  const Page& before = window.before.page;
  EXPECT_EQ(during["cnproc_processes"] - before["cnproc_processes"], 51);
  EXPECT_EQ(during["cnproc_threads"] - before["cnproc_threads"], 51 + 150);
  EXPECT_EQ(during["cnproc_processes"], static_cast<double>(by_proc.processes));
  EXPECT_EQ(during["cnproc_threads"], static_cast<double>(by_proc.threads));
  EXPECT_EQ(window.after.page["cnproc_processes"], before["cnproc_processes"]);
  EXPECT_EQ(window.delta()["cnproc_exit_signals_total{signal=\"SIGKILL\"}"], 50);
}

// The processes that were there before the exporter are known by its scan of /proc.
TEST(KnownBefore, ProcessesThatStartedBeforeTheExporter) {
  const Witness witness;
  auto held = std::make_unique<HeldProcesses>(40, 2);
  const Exporter exporter;
  const Window window = Alone(exporter, witness, [&] {
    if (held == nullptr) held = std::make_unique<HeldProcesses>(40, 2);  // a second try
    held->Release();
    held.reset();
  });
  const Delta delta = window.delta();
  EXPECT_EQ(delta["cnproc_exit_signals_total{signal=\"SIGKILL\"}"], 40);
  EXPECT_EQ(delta.Sum("cnproc_process_exits_total"), 41);
  EXPECT_EQ(delta["cnproc_process_lifetimes_unknown_total"], 0);
  EXPECT_EQ(delta["cnproc_process_lifetime_seconds_count"], 41);
  ExpectIdentities(window.after.page);
}

}  // namespace
}  // namespace cnproc::e2e
