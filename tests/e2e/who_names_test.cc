// SPDX-License-Identifier: Apache-2.0
// Given programs that follow each other in one process, or call themselves something else, then
// each is counted under the name that it was executed by. The truth is the loop's own count.
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/harness/machine.h"
#include "tests/e2e/who_lab.h"

namespace cnproc::e2e {
namespace {

const std::vector<int> kRightsToNames = {CAP_PERFMON, CAP_SYS_ADMIN};

void Execute(const std::vector<std::string>& words) {
  const int status = Wait(Fork([&words] {
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    execvp(arguments[0], arguments.data());
    return 127;
  }));
  ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) != 127) << words[0];
}

class Names : public Who {
 protected:
  void SetUp() override {}
  void StartWith(const std::vector<int>& without_capabilities) {
    Start({.flags = {"--collector.lineage"}, .without_capabilities = without_capabilities});
  }

  // How much a counter of that program grew while `runs` times something was run.
  void RunTimes(int runs, const std::function<void()>& once) {
    before_ = Settled();
    for (int i = 0; i < runs; ++i) once();
    after_ = Settled();
  }
  int64_t Execs(const std::string& program) const {
    return Growth(before_, after_, "cnproc_program_execs_total", "program", program);
  }
  int64_t Lineage(const std::string& parent, const std::string& program) const {
    const std::string series =
        "cnproc_lineage_execs_total{parent=\"" + parent + "\",program=\"" + program + "\"}";
    return static_cast<int64_t>((after_.Has(series) ? after_[series] : 0) -
                                (before_.Has(series) ? before_[series] : 0));
  }

  Page before_;
  Page after_;
};

TEST_F(Names, BothStaticProgramsOfAChain) {
  StartWith({});
  const std::string first = Workload("cnp_chain_a");
  const std::string second = Program("cnp_chain_b");
  const int runs = Scaled(300);
  RunTimes(runs, [&] { Execute({first, "become", second}); });
  EXPECT_EQ(Execs("cnp_chain_a"), runs);
  EXPECT_EQ(Execs("cnp_chain_b"), runs);
  EXPECT_EQ(Lineage("cnp_chain_a", "cnp_chain_b"), runs);
  EXPECT_EQ(Lineage("cnp_chain_b", "cnp_chain_b"), 0) << "which never happened";
  EXPECT_EQ(Lineage("cnp_chain_a", "cnp_chain_a"), 0);
}

TEST_F(Names, AShellAndWhatItExecs) {
  StartWith({});
  const std::string shell = folder_.Path("cnp_sh");
  std::filesystem::create_symlink("/bin/sh", shell);
  const std::string program = Program("cnp_of_shell");
  const int runs = Scaled(200);
  RunTimes(runs, [&] { Execute({shell, "-c", "exec " + program}); });
  EXPECT_EQ(Execs("cnp_sh"), runs);
  EXPECT_EQ(Execs("cnp_of_shell"), runs);
  EXPECT_EQ(Lineage("cnp_sh", "cnp_of_shell"), runs);
  EXPECT_EQ(Lineage("cnp_of_shell", "cnp_of_shell"), 0);
}

TEST_F(Names, EnvAndWhatItExecs) {
  StartWith({});
  const std::string env = folder_.Path("cnp_env");
  std::filesystem::create_symlink("/usr/bin/env", env);
  const std::string program = Program("cnp_of_env");
  const int runs = Scaled(200);
  RunTimes(runs, [&] { Execute({env, program}); });
  EXPECT_EQ(Execs("cnp_env"), runs);
  EXPECT_EQ(Execs("cnp_of_env"), runs);
}

TEST_F(Names, AProgramThatRenamesItselfAtOnce) {
  StartWith({});
  const std::string program = Workload("cnp_rename_self");
  const int runs = Scaled(100);
  for (const char* microseconds : {"0", "5000"}) {
    RunTimes(runs, [&] { Execute({program, "rename-self", microseconds}); });
    EXPECT_EQ(Execs("cnp_rename_self"), runs) << microseconds;
    EXPECT_EQ(Execs("newname"), 0) << microseconds;
  }
}

TEST_F(Names, UnderLoadToo) {
  StartWith({});
  const std::string first = Workload("cnp_load_a");
  const std::string second = Program("cnp_load_b");
  const int runs = Scaled(300);
  std::vector<pid_t> busy;
  for (int i = 0; i < 12; ++i) {
    busy.push_back(Fork([] {
      alarm(60);
      for (volatile bool on = true; on;) {
      }
      return 0;
    }));
  }
  RunTimes(runs, [&] { Execute({first, "become", second}); });
  for (const pid_t pid : busy) {
    kill(pid, SIGKILL);
    Wait(pid);
  }
  EXPECT_EQ(Execs("cnp_load_a"), runs);
  EXPECT_EQ(Execs("cnp_load_b"), runs);
}

// Found by a scan it is what it was when it was seen: a restart renames nobody.
TEST_F(Names, ARestartRenamesNobody) {
  const std::string program = Workload("cnp_found");
  const std::string script = Script("cnp_found_sh", "sleep 30; :");
  const pid_t renamed = Fork([&] {
    execl(program.c_str(), program.c_str(), "rename-self", "900000", nullptr);
    return 9;
  });
  const pid_t scripted = Fork([&] {
    execl(script.c_str(), script.c_str(), nullptr);
    return 9;
  });
  usleep(100'000);
  StartWith({});
  const Page page = Settled();
  // A link's name is not the file's: the file is all that is left of it.
  EXPECT_EQ(page[Of("program_processes", "program", "cnproc_workload")], 1);
  EXPECT_EQ(page[Of("program_processes", "program", "cnp_found_sh")], 1);
  EXPECT_FALSE(page.Has(Of("program_processes", "program", "newname")));
  for (const pid_t pid : {renamed, scripted}) {
    kill(pid, SIGKILL);
    Wait(pid);
  }
}

// Without the right a name may be missing. That it is the next program's cannot be ruled out: the
// kernel sets the comm some time before it sends the event of that exec, and nothing in /proc
// tells.
TEST_F(Names, WithoutTheRightHardlyAnybodyGetsAnothersName) {
  StartWith(kRightsToNames);
  EXPECT_NE(exporter().Log().find("CAP_PERFMON"), std::string::npos) << exporter().Log();
  const std::string first = Workload("cnp_wo_a");
  const std::string second = Program("cnp_wo_b");
  const int runs = Scaled(300);
  RunTimes(runs, [&] { Execute({first, "become", second}); });
  EXPECT_LE(Execs("cnp_wo_a"), runs);
  const int rare = runs / 30;
  EXPECT_LE(Execs("cnp_wo_b"), runs + rare);
  EXPECT_GE(Execs("cnp_wo_b"), runs * 9 / 10) << "the last one's exit record tells";
  EXPECT_LE(Lineage("cnp_wo_b", "cnp_wo_b"), rare);
  EXPECT_EQ(after_["cnproc_comm_records_total"], 0);
}

TEST_F(Names, ARecordingHasThem) {
  const std::string recording = folder_.Path("names.pcap");
  const std::string first = Workload("cnp_rec_a");
  const std::string second = Program("cnp_rec_b");
  constexpr int kRuns = 50;
  {
    Exporter recorder({.flags = {"--connector.record=" + recording}});
    for (int i = 0; i < kRuns; ++i) Execute({first, "become", second});
    std::this_thread::sleep_for(milliseconds(200) * Patience());
    EXPECT_EQ(recorder.Stop(), 0);
  }
  Start({.flags = {"--connector.replay=" + recording, "--connector.replay-speed=0"},
         .wait_until_ready = false});
  const std::string series = Of("program_execs_total", "program", "cnp_rec_b");
  EXPECT_TRUE(Eventually(seconds(20), [&] {
    const Page page = exporter().Scrape();
    return page.Has(series) && page[series] == kRuns;
  }));
  const Page page = exporter().Scrape();
  EXPECT_EQ(page[Of("program_execs_total", "program", "cnp_rec_a")], kRuns);
  EXPECT_GE(page["cnproc_comm_records_total"], 2 * kRuns);
}

TEST_F(Names, TheCheckSaysWhatIsMissing) {
  const Result with = RunExporter({"--config.check"});
  EXPECT_EQ(with.out.find("named by /proc"), std::string::npos) << with.out;
  const Result without = RunExporter({"--config.check"}, {.without_capabilities = kRightsToNames});
  EXPECT_EQ(without.ExitCode(), 0);
  EXPECT_NE(without.out.find("CAP_PERFMON"), std::string::npos) << without.out;
}

TEST_F(Names, TheRightIsGivenUpWhereItWasOnlyForThis) {
  StartWith({});
  std::string status = ReadFile("/proc/" + std::to_string(exporter().pid()) + "/status");
  const size_t line = status.find("CapEff:");
  ASSERT_NE(line, std::string::npos);
  const uint64_t effective = std::stoull(status.substr(line + 7, 20), nullptr, 16);
  EXPECT_EQ(effective >> CAP_SYS_ADMIN & 1, 0u);
  EXPECT_EQ(effective >> CAP_NET_ADMIN & 1, 1u);
}

}  // namespace
}  // namespace cnproc::e2e
