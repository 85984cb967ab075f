// SPDX-License-Identifier: Apache-2.0
// Given programs that live for a millisecond, then each of their numbers is on their own name.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/harness/machine.h"
#include "tests/e2e/who_lab.h"

namespace cnproc::e2e {
namespace {

namespace fs = std::filesystem;

constexpr uid_t kNobody = 65534;

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

// sudo, not the shell that ran it.
TEST_F(Who, AnEscalationIsThatOfTheSetUidProgram) {
  // Given a set-uid program that others may run
  const std::string path = Program("cnp_suid");
  fs::permissions(path, fs::perms::set_uid, fs::perm_options::add);
  for (fs::path folder = fs::path(path).parent_path(); folder != "/tmp" && folder != "/";
       folder = folder.parent_path()) {
    fs::permissions(folder, fs::perms::others_exec, fs::perm_options::add);
  }
  const Page before = Settled();
  // When nobody runs it
  constexpr int kTimes = 25;
  for (int i = 0; i < kTimes; ++i) {
    const int status = Wait(Fork([&] {
      if (setresuid(kNobody, kNobody, kNobody) != 0) return 2;
      execl(path.c_str(), path.c_str(), nullptr);
      return 3;
    }));
    ASSERT_EQ(status, 0);
  }
  // Then each time is an escalation, of that program and of no other.
  const Page after = Settled();
  EXPECT_EQ(Delta(before, after)["cnproc_privilege_escalations_total"], kTimes);
  EXPECT_EQ(after[Of("program_privilege_escalations_total", "program", "cnp_suid")], kTimes);
  EXPECT_EQ(after.Sum("cnproc_program_privilege_escalations_total") -
                before.Sum("cnproc_program_privilege_escalations_total"),
            kTimes);
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
  WriteFile(file,
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
  WriteFile(file, "program: {expected: [cnp_other]}\n");
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
  WriteFile(file, "program:\n  rule: []\n");
  exporter().process().Signal(SIGHUP);
  EXPECT_TRUE(Eventually(seconds(2), [&] {
    return exporter().Scrape()["cnproc_exporter_config_last_reload_successful"] == 0;
  }));
  EXPECT_NE(exporter().Log().find(file + ":2:3: unknown key"), std::string::npos);
  EXPECT_TRUE(exporter().Scrape().Has(Of("program_execs_total", "program", "cnp_other")));
}

TEST_F(Who, AReloadNamesWhoLives) {
  const std::string file = folder_.Path("config.yml");
  WriteFile(file, "program: {expected: [cnp_other]}\n");
  Start({.flags = {"--config.file=" + file}});
  // Given a program that runs
  const std::string script = Script("cnp_living", "while :; do sleep 0.1; done");
  const pid_t pid = Fork([&] {
    execl(script.c_str(), script.c_str(), nullptr);
    return 1;
  });
  const auto processes = [&](const char* program) {
    const Page page = exporter().Scrape();
    const std::string series = Of("program_processes", "program", program);
    return page.Has(series) ? page[series] : 0;
  };
  EXPECT_TRUE(Eventually(seconds(2), [&] { return processes("cnp_living") >= 1; }));
  // When a rule for it comes
  WriteFile(file,
            "program:\n"
            "  rules: [{match: {cmdline: '.*/(cnp_living)'}, name: 'rule:$1'}]\n"
            "  expected: ['rule:cnp_living']\n");
  exporter().process().Signal(SIGHUP);
  // Then it has its name without a new exec, and what was counted stays.
  EXPECT_TRUE(Eventually(seconds(7), [&] { return processes("rule:cnp_living") >= 1; }));
  EXPECT_EQ(processes("cnp_living"), 0);
  const Page page = Settled();
  EXPECT_EQ(page[Of("program_execs_total", "program", "cnp_living")], 1);
  EXPECT_EQ(page[Of("program_execs_total", "program", "rule:cnp_living")], 0);
  EXPECT_EQ(page["cnproc_processes_reconciled_total{change=\"vanished\"}"], 0);
  kill(pid, SIGKILL);
  Wait(pid);
}

}  // namespace
}  // namespace cnproc::e2e
