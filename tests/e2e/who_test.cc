// SPDX-License-Identifier: Apache-2.0
// Given programs that live for a millisecond, then each of their numbers is on their own name, unit
// and container. What others do on the machine meanwhile has other names.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/harness/error.h"
#include "tests/e2e/harness/lab.h"
#include "tests/e2e/harness/machine.h"

namespace cnproc::e2e {
namespace {

namespace fs = std::filesystem;

const std::string kContainerId(64, 'a');
const std::string kPodUid = "3f0a9a4c-7d0e-4c1b-9e55-0d9b6f0d1c2a";
const std::string kKubeletPath = "/kubepods/burstable/pod" + kPodUid + "/" + kContainerId;

std::string TinyBinary() {
  return (fs::path(WorkloadBinary()).parent_path() / "cnproc_tiny").string();
}

// A child of this process that runs body and exits with what it returns.
pid_t Fork(const std::function<int()>& body) {
  const pid_t pid = fork();
  if (pid < 0) FailErrno("fork");
  if (pid == 0) _exit(body());
  return pid;
}

int Wait(pid_t pid) {
  int status = 0;
  if (waitpid(pid, &status, 0) != pid) FailErrno("waitpid");
  return status;
}

void RunOnce(const std::string& path) {
  std::string argument = path;
  std::vector<char*> arguments = {argument.data(), nullptr};
  pid_t pid = 0;
  errno = posix_spawn(&pid, path.c_str(), nullptr, nullptr, arguments.data(), environ);
  if (errno != 0) FailErrno(path);
  Wait(pid);
}

bool Write(const fs::path& file, const std::string& text) {
  std::ofstream out(file);
  out << text << std::flush;
  return out.good();
}

// A cgroup of the hierarchy that has this controller, v1's or v2's.
class Cgroup {
 public:
  Cgroup(const std::string& controller, const std::string& path) {
    const fs::path v1 = "/sys/fs/cgroup/" + controller;
    is_v1_ = fs::exists(v1);
    if (!is_v1_) Write("/sys/fs/cgroup/cgroup.subtree_control", "+" + controller);
    fs::path directory = is_v1_ ? v1 : fs::path("/sys/fs/cgroup");
    for (const fs::path& part : fs::path(path.substr(1))) {
      directory /= part;
      if (!fs::exists(directory) && fs::create_directory(directory)) made_.push_back(directory);
      if (!is_v1_) Write(directory / "cgroup.subtree_control", "+" + controller);
    }
    directory_ = directory;
    // A group with processes must not hand controllers on (v2).
    if (!is_v1_) Write(directory / "cgroup.subtree_control", "-" + controller);
  }
  ~Cgroup() {
    for (auto directory = made_.rbegin(); directory != made_.rend(); ++directory) {
      // The last of its processes may still be on its way out.
      Eventually(seconds(2), [&] { return rmdir(directory->c_str()) == 0; });
    }
  }
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;

  bool is_v1() const { return is_v1_; }
  bool Set(const std::string& file, const std::string& text) const {
    return Write(directory_ / file, text);
  }
  bool Enter() const { return Set("cgroup.procs", std::to_string(getpid())); }

 private:
  bool is_v1_ = false;
  fs::path directory_;
  std::vector<fs::path> made_;
};

// How much all series of this metric with this label grew: from 0, where there were none.
int64_t Growth(const Page& before, const Page& after, const std::string& metric,
               const std::string& label, const std::string& value) {
  const auto sum = [&](const Page& page) {
    double total = 0;
    for (const auto& [series, number] : page.values()) {
      if (series.rfind(metric + "{", 0) == 0 &&
          series.find(label + "=\"" + value + "\"") != std::string::npos) {
        total += number;
      }
    }
    return total;
  };
  return static_cast<int64_t>(sum(after) - sum(before));
}

class Who : public Lab {
 protected:
  void SetUp() override { Start(); }

  // A copy of the tiny program under another name.
  std::string Program(const std::string& name) {
    const std::string path = folder_.Path(name);
    fs::copy_file(TinyBinary(), path, fs::copy_options::skip_existing);
    return path;
  }
  std::string Script(const std::string& name, const std::string& commands) {
    const std::string path = folder_.Path(name);
    Write(path, "#!/bin/sh\n" + commands + "\n");
    chmod(path.c_str(), 0755);
    return path;
  }
  // Pages that all that was done before is on.
  Page Settled() {
    usleep(static_cast<useconds_t>(50'000 * Patience()));
    return exporter().Scrape();
  }

  TempFolder folder_;
};

std::string Of(const std::string& metric, const std::string& label, const std::string& value) {
  return "cnproc_" + metric + "{" + label + "=\"" + value + "\"}";
}

TEST_F(Who, StaticProgramsOneAfterTheOther) {
  constexpr int kPrograms = 10;
  const int times = Scaled(300);
  const Page before = Settled();
  for (int i = 0; i < kPrograms; ++i) {
    const std::string path = Program("cnp_tiny_" + std::to_string(i));
    for (int n = 0; n < times; ++n) RunOnce(path);
  }
  const Page after = Settled();
  const Delta delta(before, after);
  for (int i = 0; i < kPrograms; ++i) {
    const std::string name = "cnp_tiny_" + std::to_string(i);
    EXPECT_EQ(delta[Of("program_execs_total", "program", name)], times) << name;
    EXPECT_EQ(Growth(before, after, "cnproc_program_exits_total", "program", name), times) << name;
    EXPECT_EQ(after["cnproc_program_lifetime_seconds_count{program=\"" + name + "\"}"], times);
    EXPECT_EQ(after[Of("program_processes", "program", name)], 0) << name;
  }
  EXPECT_EQ(delta["cnproc_program_names_total{source=\"unknown\"}"], 0);
}

TEST_F(Who, StaticProgramsFromEightProcessesAtOnce) {
  constexpr int kPrograms = 10;
  const int runs = Scaled(5'000);
  constexpr int kWorkers = 8;
  std::vector<std::string> paths;
  for (int i = 0; i < kPrograms; ++i) paths.push_back(Program("cnp_many_" + std::to_string(i)));
  const Page before = Settled();
  std::vector<pid_t> workers;
  for (int worker = 0; worker < kWorkers; ++worker) {
    workers.push_back(Fork([&, worker] {
      for (int i = worker; i < runs; i += kWorkers) RunOnce(paths[i % kPrograms]);
      return 0;
    }));
  }
  for (const pid_t pid : workers) Wait(pid);
  const Page after = Settled();
  const Delta delta(before, after);
  for (int i = 0; i < kPrograms; ++i) {
    const std::string name = "cnp_many_" + std::to_string(i);
    EXPECT_EQ(delta[Of("program_execs_total", "program", name)], runs / kPrograms) << name;
    EXPECT_EQ(Growth(before, after, "cnproc_program_exits_total", "program", name),
              runs / kPrograms)
        << name;
  }
  EXPECT_EQ(delta.Sum("cnproc_events_lost_total"), 0);
  EXPECT_EQ(delta["cnproc_taskstats_records_lost_total"], 0);
}

TEST_F(Who, NearlyEveryProcessOfAStormHasAName) {
  const int forks = Scaled(40'000);
  const Page before = Settled();
  RunWorkload({"storm", std::to_string(forks), CpuList()});
  const Page after = Settled();
  const Delta delta(before, after);
  EXPECT_GE(delta.Sum("cnproc_program_names_total"), forks);
  EXPECT_LE(delta["cnproc_program_names_total{source=\"unknown\"}"], forks / 1000);
  EXPECT_GE(delta["cnproc_program_forks_total{program=\"cnproc_workload\"}"], forks);
  EXPECT_GE(Growth(before, after, "cnproc_program_exits_total", "program", "cnproc_workload"),
            forks);
  EXPECT_EQ(delta.Sum("cnproc_events_lost_total"), 0);
  EXPECT_EQ(delta["cnproc_taskstats_records_lost_total"], 0);
  // Every process that ended had a program, and how it got it is known.
  EXPECT_EQ(after.Sum("cnproc_program_names_total"), after.Sum("cnproc_process_exits_total"));
  EXPECT_EQ(after.Sum("cnproc_program_exits_total"), after.Sum("cnproc_process_exits_total"));
  EXPECT_EQ(after.Sum("cnproc_program_processes"), after["cnproc_processes"]);
}

// The CPU of forks that each live for milliseconds: right in sum, though 0 for most of them.
TEST_F(Who, CpuOfShortLivesIsTheirs) {
  const std::string path = Script("cnp_burner", "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done");
  const Page before = Settled();
  double seconds = 0;
  for (int i = 0; i < 20; ++i) {
    const pid_t pid = Fork([&] {
      execl(path.c_str(), path.c_str(), nullptr);
      return 1;
    });
    rusage usage{};
    int status = 0;
    ASSERT_EQ(wait4(pid, &status, 0, &usage), pid);
    seconds += static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6 +
               static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec);
  }
  const Page after = Settled();
  const double counted =
      after.Sum("cnproc_program_short_lived_cpu_seconds_total", "program", "cnp_burner");
  EXPECT_GT(counted, 0);
  EXPECT_NEAR(counted, seconds, 0.2 * seconds + 0.05);
}

// A process that becomes another program twice is told by the last.
TEST_F(Who, ExecAfterExec) {
  const std::string inner = Program("cnp_inner");
  const std::string outer = Script("cnp_outer", "sleep 0.1; exec " + inner);
  const Page before = Settled();
  RunOnce(outer);
  const Page after = Settled();
  const Delta delta(before, after);
  EXPECT_EQ(delta[Of("program_execs_total", "program", "cnp_outer")], 1);
  EXPECT_EQ(delta[Of("program_execs_total", "program", "cnp_inner")], 1);
  EXPECT_EQ(Growth(before, after, "cnproc_program_exits_total", "program", "cnp_outer"), 0);
  EXPECT_EQ(Growth(before, after, "cnproc_program_exits_total", "program", "cnp_inner"), 1);
}

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

TEST_F(Who, UsersAreToldByTheirRealId) {
  const int times = Scaled(200);
  const std::string path = Program("cnp_user");
  fs::permissions(path, fs::perms::others_exec | fs::perms::others_read, fs::perm_options::add);
  const Page before = Settled();
  for (int i = 0; i < times; ++i) {
    Wait(Fork([&] {
      if (setresuid(4242, 4242, 4242) != 0) return 1;
      execl(path.c_str(), path.c_str(), nullptr);
      return 1;
    }));
  }
  const Delta delta(before, Settled());
  EXPECT_EQ(delta[Of("user_execs_total", "uid", "4242")], times);
}

TEST_F(Who, LineageTellsWhoStartedWhom) {
  Start({.flags = {"--collector.lineage"}});
  const std::string inner = Program("cnp_shell");
  const std::string outer = Script("cnp_webserver", inner + "; " + inner + "; true");
  RunOnce(outer);
  const Page page = Settled();
  EXPECT_EQ(page["cnproc_lineage_execs_total{parent=\"cnp_webserver\",program=\"cnp_shell\"}"], 2);
}

// Twenty thousand names, hostile ones among them.
TEST_F(Who, NamesWithoutEndStayWithinTheLimit) {
  const int names = Scaled(20'000);
  constexpr int kLimit = 50;
  Start({.flags = {"--collector.program.limit=" + std::to_string(kLimit),
                   "--collector.idle-timeout=1s"}});
  const std::string program = Program("cnp_hostile");
  const std::vector<std::string> kinds = {"q\"", "b\\", "n\n", "u\xff\xfe", "e\x1b[", "\u00e9"};
  Settled();
  const int64_t resident_before = UsageOf(exporter().pid()).resident_bytes;
  std::vector<pid_t> workers;
  for (int worker = 0; worker < 2; ++worker) {
    workers.push_back(Fork([&, worker] {
      for (int i = worker; i < names; i += 2) {
        const std::string path = folder_.Path(kinds[i % kinds.size()] + std::to_string(i));
        if (link(program.c_str(), path.c_str()) != 0) return 1;
        RunOnce(path);
        unlink(path.c_str());
      }
      return 0;
    }));
  }
  for (const pid_t pid : workers) ASSERT_EQ(Wait(pid), 0);
  // The page is parsed strictly: no control character, valid UTF-8, no series twice.
  const Page page = Settled();
  EXPECT_LE(page["cnproc_label_values{dimension=\"program\"}"], kLimit);
  EXPECT_EQ(page["cnproc_label_limit{dimension=\"program\"}"], kLimit);
  EXPECT_GT(page["cnproc_label_overflows_total{dimension=\"program\"}"], names / 10);
  EXPECT_GT(page.Sum("cnproc_program_exits_total", "program", "other"), names / 10);
  int64_t programs = 0;
  for (const auto& [series, value] : page.values()) {
    if (series.rfind("cnproc_program_processes{", 0) == 0) ++programs;
  }
  EXPECT_LE(programs, kLimit + 1);
  if (!kSanitized) {
    EXPECT_LT(UsageOf(exporter().pid()).resident_bytes - resident_before, 16 << 20);
  }
  // After the idle time-out the values give way to new ones.
  std::this_thread::sleep_for(milliseconds(1'100));
  RunOnce(Program("cnp_late"));
  const Page late = Settled();
  EXPECT_EQ(late[Of("program_execs_total", "program", "cnp_late")], 1);
  EXPECT_GT(late["cnproc_label_evictions_total{dimension=\"program\"}"], 0);
}

TEST_F(Who, RulesAndExpectedProgramsComeWithTheFile) {
  const std::string file = folder_.Path("config.yml");
  Write(file,
        "program:\n"
        "  rules:\n"
        "    - match: {comm: cnp_rule_.*, cmdline: '.*/(cnp_rule_[a-z]+).*'}\n"
        "      name: 'rule:$1'\n"
        "  expected: [cnp_expected]\n");
  Start({.flags = {"--config.file=" + file}});
  EXPECT_EQ(Settled()[Of("program_execs_total", "program", "cnp_expected")], 0);
  const std::string script = Script("cnp_rule_one", "sleep 0.1");
  RunOnce(script);
  Page page = Settled();
  EXPECT_EQ(page[Of("program_execs_total", "program", "rule:cnp_rule_one")], 1);
  EXPECT_GE(page["cnproc_program_names_total{source=\"rule\"}"], 1);

  // When the file is reloaded without the rules, then what was counted stays.
  Write(file, "program: {expected: [cnp_other]}\n");
  exporter().process().Signal(SIGHUP);
  EXPECT_TRUE(Eventually(seconds(2), [&] {
    return exporter().Scrape().Has(Of("program_execs_total", "program", "cnp_other"));
  }));
  RunOnce(script);
  page = Settled();
  EXPECT_EQ(page[Of("program_execs_total", "program", "rule:cnp_rule_one")], 1);
  EXPECT_EQ(page[Of("program_execs_total", "program", "cnp_rule_one")], 1);
  EXPECT_EQ(page["cnproc_exporter_config_last_reload_successful"], 1);

  // When it is broken, then the old one stays in force, and the log says where.
  Write(file, "program:\n  rule: []\n");
  exporter().process().Signal(SIGHUP);
  EXPECT_TRUE(Eventually(seconds(2), [&] {
    return exporter().Scrape()["cnproc_exporter_config_last_reload_successful"] == 0;
  }));
  EXPECT_NE(exporter().Log().find(file + ":2:3: unknown key"), std::string::npos);
  EXPECT_TRUE(exporter().Scrape().Has(Of("program_execs_total", "program", "cnp_other")));
}

TEST(WhoStart, RefusesABadFile) {
  TempFolder folder;
  Write(folder.Path("bad.yml"), "program: {rules: [{match: {comm: 'a('}, name: x}]}\n");
  const Result result = RunExporter({"--config.file=" + folder.Path("bad.yml")});
  EXPECT_EQ(result.ExitCode(), 2);
  EXPECT_NE(result.err.find("bad.yml:1:34: bad expression"), std::string::npos) << result.err;
  EXPECT_EQ(RunExporter({"--config.file=/nonexistent"}).ExitCode(), 2);
}

TEST(WhoStart, CheckTellsWhatEachCollectorLacks) {
  const Result root = RunExporter({"--config.check", "--collector.taskstats", "--collector.oom"});
  EXPECT_EQ(root.ExitCode(), 0) << root.out;
  for (const char* part : {"program", "unit", "container", "user", "taskstats", "oom"}) {
    EXPECT_NE(root.out.find("ok      " + std::string(part)), std::string::npos) << root.out;
  }
  if (!AnyoneMayListen()) return;
  // What was not asked for by name may be missing.
  const Result nobody = RunExporter({"--config.check"}, {.as_nobody = true});
  EXPECT_EQ(nobody.ExitCode(), 0) << nobody.out;
  EXPECT_NE(nobody.out.find("lacking taskstats: "), std::string::npos) << nobody.out;
  EXPECT_NE(nobody.out.find("CAP_NET_ADMIN"), std::string::npos) << nobody.out;
  EXPECT_EQ(
      RunExporter({"--config.check", "--collector.taskstats"}, {.as_nobody = true}).ExitCode(), 1);
  // Rules that ask for what a process without rights cannot read are told.
  TempFolder folder;
  Write(folder.Path("exe.yml"), "program: {rules: [{match: {exe: '/x'}, name: x}]}\n");
  const Result rules = RunExporter({"--config.check", "--config.file=" + folder.Path("exe.yml")},
                                   {.as_nobody = true});
  EXPECT_NE(rules.out.find("CAP_SYS_PTRACE"), std::string::npos) << rules.out << rules.err;
}

// Anyone may listen since Linux 6.6; taskstats needs CAP_NET_ADMIN.
TEST(WhoUnprivileged, WorksWithoutExitRecordsAndSaysSo) {
  if (!AnyoneMayListen()) GTEST_SKIP() << "needs Linux 6.6";
  Exporter exporter({.as_nobody = true});
  const Page before = exporter.Scrape();
  EXPECT_EQ(before["cnproc_scrape_collector_success{collector=\"taskstats\"}"], 0);
  EXPECT_EQ(before["cnproc_scrape_collector_success{collector=\"program\"}"], 1);
  EXPECT_NE(exporter.Log().find("CAP_NET_ADMIN"), std::string::npos);
  RunProgram({"/bin/sleep", "0.2"});
  usleep(100'000);
  const Delta delta(before, exporter.Scrape());
  EXPECT_GE(delta["cnproc_program_execs_total{program=\"sleep\"}"], 1);
}

}  // namespace
}  // namespace cnproc::e2e
