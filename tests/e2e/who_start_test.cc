// SPDX-License-Identifier: Apache-2.0
// Given files and rights of every kind, then the exporter says at its start what it cannot tell.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>

#include "tests/e2e/harness/lab.h"
#include "tests/e2e/harness/machine.h"
#include "tests/e2e/who_lab.h"

namespace cnproc::e2e {
namespace {

namespace fs = std::filesystem;

TEST(WhoStart, RefusesABadFile) {
  TempFolder folder;
  WriteFile(folder.Path("bad.yml"), "program: {rules: [{match: {comm: 'a('}, name: x}]}\n");
  const Result result = RunExporter({"--config.file=" + folder.Path("bad.yml")});
  EXPECT_EQ(result.ExitCode(), 2);
  EXPECT_NE(result.err.find("bad.yml:1:34: bad expression"), std::string::npos) << result.err;
  EXPECT_EQ(RunExporter({"--config.file=/nonexistent"}).ExitCode(), 2);
}

TEST(WhoStart, CheckTellsWhatEachCollectorLacks) {
  const Result root = RunExporter({"--config.check", "--collector.taskstats", "--collector.oom"});
  EXPECT_EQ(root.ExitCode(), 0) << root.out;
  for (const char* part : {"program", "unit", "container", "user", "taskstats", "oom", "usage"}) {
    EXPECT_NE(root.out.find("ok      " + std::string(part)), std::string::npos) << root.out;
  }
  if (!AnyoneMayListen()) return;
  // What was not asked for by name may be missing.
  const Result nobody = RunExporter({"--config.check"}, {.as_nobody = true});
  EXPECT_EQ(nobody.ExitCode(), 0) << nobody.out;
  EXPECT_NE(nobody.out.find("lacking taskstats: "), std::string::npos) << nobody.out;
  EXPECT_NE(nobody.out.find("CAP_NET_ADMIN"), std::string::npos) << nobody.out;
  EXPECT_NE(nobody.out.find("ok      usage: by samples alone"), std::string::npos) << nobody.out;
  EXPECT_EQ(
      RunExporter({"--config.check", "--collector.taskstats"}, {.as_nobody = true}).ExitCode(), 1);
  // Rules that ask for what a process without rights cannot read are told.
  TempFolder folder;
  WriteFile(folder.Path("exe.yml"), "program: {rules: [{match: {exe: '/x'}, name: x}]}\n");
  const Result rules = RunExporter({"--config.check", "--config.file=" + folder.Path("exe.yml")},
                                   {.as_nobody = true});
  EXPECT_NE(rules.out.find("CAP_SYS_PTRACE"), std::string::npos) << rules.out << rules.err;
}

TEST(WhoStart, SaysWhatIsExpectedInVain) {
  TempFolder folder;
  const std::string file = folder.Path("config.yml");
  WriteFile(file,
            "program: {expected: [kube-controller-manager, sshd]}\nunit: {expected: [nginx]}\n");
  const Result check = RunExporter({"--config.check", "--config.file=" + file});
  EXPECT_EQ(check.ExitCode(), 0) << check.out;
  Exporter exporter({.flags = {"--config.file=" + file}});
  for (const std::string& text : {check.out, exporter.Log()}) {
    EXPECT_NE(text.find("kube-controller-manager"), std::string::npos) << text;
    EXPECT_NE(text.find("kube-controller"), text.rfind("kube-controller"))
        << "the remedy: " << text;
    EXPECT_NE(text.find("nginx.service"), std::string::npos) << text;
    EXPECT_EQ(text.find("sshd"), std::string::npos) << text;
  }
}

// Given a cgroup namespace that begins below the root, as containers have one.
TEST(WhoStart, CheckTellsWhetherRefusedForksAreCounted) {
  const std::string root =
      fs::exists("/sys/fs/cgroup/pids") ? "/sys/fs/cgroup/pids" : "/sys/fs/cgroup";
  const Cgroup cgroup("pids", "/cnproc-check");
  const bool told_by_limit = fs::exists(root + "/cnproc-check/pids.events.local");
  const Result host = RunExporter({"--config.check"});
  EXPECT_EQ(host.out.find("refused forks are not counted"), std::string::npos) << host.out;
  ASSERT_TRUE(cgroup.Enter());
  const Result elsewhere = RunExporter({"--config.check"}, {.namespaces = CLONE_NEWCGROUP});
  WriteFile(root + "/cgroup.procs", std::to_string(getpid()));
  EXPECT_EQ(elsewhere.out.find("refused forks are not counted: another cgroup namespace") !=
                std::string::npos,
            !told_by_limit)
      << elsewhere.out;
}

TEST(WhoUnprivileged, WorksWithoutExitRecordsAndSaysSo) {
  if (!AnyoneMayListen()) {
    EXPECT_EQ(RunExporter({}, {.as_nobody = true}).ExitCode(), 1) << "before Linux 6.6";
    return;
  }
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

// A /proc that shows nobody but one's own processes.
class HiddenProcfs {
 public:
  HiddenProcfs() {
    // For nobody to enter.
    std::filesystem::permissions(folder_.Path(""), std::filesystem::perms(0755));
    std::filesystem::create_directory(path_);
    mounted_ = mount("proc", path_.c_str(), "proc", 0, "hidepid=2") == 0;
    EXPECT_TRUE(mounted_) << std::strerror(errno);
  }
  ~HiddenProcfs() {
    if (mounted_) umount2(path_.c_str(), MNT_DETACH);
  }
  HiddenProcfs(const HiddenProcfs&) = delete;
  HiddenProcfs& operator=(const HiddenProcfs&) = delete;

  const std::string& path() const { return path_; }

 private:
  const TempFolder folder_;
  const std::string path_ = folder_.Path("proc");
  bool mounted_ = false;
};

TEST(WhoUnprivileged, CountsWhereProcessesAreHiddenAndSaysWhatItLacks) {
  if (!AnyoneMayListen()) {
    EXPECT_EQ(RunExporter({}, {.as_nobody = true}).ExitCode(), 1) << "before Linux 6.6";
    return;
  }
  const HiddenProcfs procfs;
  const std::string flag = "--path.procfs=" + procfs.path();
  Exporter exporter({.flags = {flag}, .as_nobody = true});
  const Page before = exporter.Scrape();
  EXPECT_EQ(before["cnproc_up"], 1);
  for (const char* collector : {"processes", "program", "unit", "container", "user"}) {
    EXPECT_EQ(
        before["cnproc_scrape_collector_success{collector=\"" + std::string(collector) + "\"}"], 0)
        << collector;
  }
  EXPECT_EQ(before["cnproc_scrape_collector_success{collector=\"stream\"}"], 1);
  RunWorkload({"exit", "20", "77"});
  usleep(1'200'000);  // the scan is tried again
  const Delta delta(before, exporter.Scrape());
  EXPECT_EQ(delta["cnproc_exit_codes_total{code=\"77\"}"], 20);
  EXPECT_EQ(delta["cnproc_processes_reconciled_total{change=\"vanished\"}"], 0);
  const std::string log = exporter.Log();
  EXPECT_NE(log.find("hidepid"), std::string::npos) << log;
  EXPECT_EQ(log.find("hidepid"), log.rfind("hidepid")) << "once: " << log;

  const Result check = RunExporter({"--config.check", flag}, {.as_nobody = true});
  EXPECT_NE(check.out.find("lacking processes: "), std::string::npos) << check.out;
  EXPECT_NE(check.out.find("CAP_SYS_PTRACE"), std::string::npos) << check.out;
}

}  // namespace
}  // namespace cnproc::e2e
