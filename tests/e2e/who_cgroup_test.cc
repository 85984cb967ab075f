// SPDX-License-Identifier: Apache-2.0
// Given programs in cgroups as systemd and container runtimes make them, then what they do is on
// their own unit and container.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>

#include "tests/e2e/who_lab.h"

namespace cnproc::e2e {
namespace {

const std::string kContainerId(64, 'a');
const std::string kPodUid = "3f0a9a4c-7d0e-4c1b-9e55-0d9b6f0d1c2a";
const std::string kKubeletPath = "/kubepods/burstable/pod" + kPodUid + "/" + kContainerId;

TEST_F(Who, CrashesAreOnTheirProgramUnitAndContainerAlone) {
  constexpr int kCrashes = 25;
  const std::string unit = "cnp-crash.service";
  const std::string crasher = Script("cnp_crasher", "kill -SEGV $$");
  const std::string container = "containerd://" + kContainerId;
  const Page before = Settled();
  // Each is started by a supervisor in the cgroup, as systemd and container runtimes do it: what
  // is gone before its cgroup can be read is where its parent was.
  const std::string supervisor =
      Script("cnp_supervisor", "sleep 0.1; i=0; while [ $i -lt " + std::to_string(kCrashes) +
                                   " ]; do " + crasher + "; i=$((i+1)); done; true");
  for (const std::string& path : {"/system.slice/" + unit, kKubeletPath}) {
    Cgroup cgroup("pids", path);
    const int status = Wait(Fork([&] {
      if (!cgroup.Enter() || freopen("/dev/null", "w", stderr) == nullptr) return 1;
      execl(supervisor.c_str(), supervisor.c_str(), nullptr);
      return 1;
    }));
    ASSERT_EQ(status, 0);
  }
  const Page after = Settled();
  const Delta delta(before, after);
  const std::string kSegv = ",signal=\"SIGSEGV\"}";
  EXPECT_EQ(delta["cnproc_program_exit_signals_total{program=\"cnp_crasher\"" + kSegv],
            2 * kCrashes);
  // Whatever others crash meanwhile, no crash is on two programs.
  EXPECT_EQ(Growth(before, after, "cnproc_program_exit_signals_total", "signal", "SIGSEGV"),
            delta["cnproc_exit_signals_total{signal=\"SIGSEGV\"}"]);
  EXPECT_EQ(Growth(before, after, "cnproc_program_exits_total", "program", "cnp_supervisor"), 2);
  EXPECT_FALSE(after.Has("cnproc_program_exit_signals_total{program=\"cnp_supervisor\"" + kSegv));
  EXPECT_EQ(delta[Of("program_coredumps_total", "program", "cnp_crasher")], 2 * kCrashes);
  EXPECT_EQ(delta["cnproc_unit_exit_signals_total{signal=\"SIGSEGV\",unit=\"" + unit + "\"}"],
            kCrashes);
  EXPECT_EQ(delta["cnproc_container_exit_signals_total{container_id=\"" + container + "\"" + kSegv],
            kCrashes);
  EXPECT_EQ(after["cnproc_container_info{container_id=\"" + container + "\",pod_uid=\"" + kPodUid +
                  "\",runtime=\"containerd\"}"],
            1);
  EXPECT_EQ(Growth(before, after, "cnproc_program_exits_total", "program", "cnp_crasher"),
            2 * kCrashes);
}

TEST_F(Who, AnOomKillIsOnItsProgramAndContainer) {
  Cgroup cgroup("memory", kKubeletPath);
  ASSERT_TRUE(cgroup.Set(cgroup.is_v1() ? "memory.limit_in_bytes" : "memory.max",
                         std::to_string(32 << 20)));
  const std::string hungry = Script("cnp_hungry", "x=0123456789abcdef; while :; do x=$x$x; done");
  const Page before = Settled();
  const int status = Wait(Fork([&] {
    if (!cgroup.Enter()) return 1;
    execl(hungry.c_str(), hungry.c_str(), nullptr);
    return 1;
  }));
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  const Page after = Settled();
  const Delta delta(before, after);
  EXPECT_EQ(delta["cnproc_oom_kills_total{scope=\"cgroup\"}"], 1);
  EXPECT_EQ(delta["cnproc_oom_kills_total{scope=\"host\"}"], 0);
  EXPECT_EQ(delta["cnproc_kernel_oom_kills_total"], 1);
  EXPECT_EQ(delta[Of("program_oom_kills_total", "program", "cnp_hungry")], 1);
  EXPECT_EQ(delta[Of("container_oom_kills_total", "container_id", "containerd://" + kContainerId)],
            1);
  EXPECT_EQ(delta.Sum("cnproc_program_oom_kills_total"), 1);
}

TEST_F(Who, AForkBombThatIsRefusedShowsOnItsUnit) {
  Cgroup cgroup("pids", "/system.slice/cnp-bomb.service");
  ASSERT_TRUE(cgroup.Set("pids.max", "5"));
  const std::string bomb =
      Script("cnp_bomb", "for i in 1 2 3 4 5 6 7 8 9; do sleep 0.5 & done; wait");
  const int status = Wait(Fork([&] {
    if (!cgroup.Enter()) return 1;
    execl(bomb.c_str(), bomb.c_str(), nullptr);
    return 1;
  }));
  ASSERT_TRUE(WIFEXITED(status));
  // dash tries again after a refusal; the kernel counts each.
  EXPECT_TRUE(Eventually(seconds(4), [&] {
    const Page page = exporter().Scrape();
    return page.Has(Of("unit_fork_refusals_total", "unit", "cnp-bomb.service")) &&
           page[Of("unit_fork_refusals_total", "unit", "cnp-bomb.service")] > 0;
  }));
  EXPECT_EQ(exporter().Scrape().Sum("cnproc_unit_fork_refusals_total"),
            exporter().Scrape()[Of("unit_fork_refusals_total", "unit", "cnp-bomb.service")]);
}

}  // namespace
}  // namespace cnproc::e2e
