// SPDX-License-Identifier: Apache-2.0
// Given an operator who starts, stops and misconfigures it, then the exporter says what is wrong in
// one line and ends with the status that interface.md promises.
#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "tests/e2e/harness/error.h"
#include "tests/e2e/harness/lab.h"
#include "tests/e2e/harness/machine.h"

namespace cnproc::e2e {
namespace {

// stderr has one line of level error, and it holds these words.
void ExpectOneErrorLine(const Result& result, const std::vector<std::string>& words) {
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  for (const std::string& word : words) {
    EXPECT_NE(result.err.find(word), std::string::npos) << "'" << word << "' in " << result.err;
  }
}

std::string ListenFlag(uint16_t port) {
  return "--web.listen-address=127.0.0.1:" + std::to_string(port);
}

TEST(Start, IsReadyWithinASecond) {
  const auto start = Clock::now();
  Exporter exporter;
  EXPECT_LT(Clock::now() - start, seconds(1) * Patience());
  EXPECT_EQ(exporter.Get("/-/healthy").status, 200);
  EXPECT_EQ(exporter.Get("/-/ready").status, 200);
  EXPECT_EQ(exporter.Scrape()["cnproc_up"], 1);
}

// How much of its libraries is resident is the distribution's: 11 to 14 MiB in all.
TEST(Start, IsSmall) {
  Exporter exporter;
  exporter.Scrape();
  const int64_t sanitizer = kSanitized ? 500 << 20 : 0;
  const int64_t own_bytes = UsageOf(exporter.pid()).own_bytes;
  EXPECT_GT(own_bytes, 0);
  EXPECT_LE(own_bytes, (7 << 20) + sanitizer);
}

TEST(Stop, OnSigtermAndSigintWithStatus0) {
  for (const int signal : {SIGTERM, SIGINT}) {
    Exporter exporter;
    EXPECT_EQ(exporter.Stop(signal), 0) << exporter.Log();
  }
}

TEST(Stop, InTheMiddleOfAStorm) {
  Exporter exporter;
  std::thread storm([] { RunWorkload({"storm", std::to_string(Scaled(10000)), CpuList()}); });
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_EQ(exporter.Stop(), 0) << exporter.Log();
  storm.join();
}

TEST(BadFlags, EndWithStatus2AndOneLine) {
  const std::vector<Command> bad = {
      {"--no-such-flag"},
      {"--web.listen-address=127.0.0.1:port"},
      {"--web.listen-address=127.0.0.1:99999"},
      {"--web.telemetry-path=metrics"},
      {"--web.max-requests=0"},
      {"--connector.receive-buffer=8 elephants"},
      {"--connector.replay-speed=-1"},
      {"--log.level=loud"},
      {"--log.format=xml"},
      {"--path.procfs=/does/not/exist"},
      {"--connector.netns=/does/not/exist"},
  };
  for (const Command& flags : bad) {
    SCOPED_TRACE(flags[0]);
    const Result result = RunExporter(flags);
    EXPECT_EQ(result.ExitCode(), 2) << result.err;
    ExpectOneErrorLine(result, {flags[0].substr(2, flags[0].find('=') - 2)});
  }
}

TEST(BadFiles, EndWithStatus2AndOneLineThatNamesThem) {
  for (const char* flag : {"--connector.replay", "--connector.record", "--config.file"}) {
    SCOPED_TRACE(flag);
    const Result result = RunExporter({std::string(flag) + "=/does/not/exist/file"});
    EXPECT_EQ(result.ExitCode(), 2) << result.err;
    ExpectOneErrorLine(result, {"/does/not/exist", "No such file"});
  }
}

TEST(Help, AndVersionEndWithStatus0) {
  const Result help = RunExporter({"--help"});
  EXPECT_EQ(help.ExitCode(), 0);
  for (const char* flag : {"--web.listen-address", "--connector.receive-buffer", "--config.check",
                           "--no-collector.", "--log.level", "--path.procfs"}) {
    EXPECT_NE(help.out.find(flag), std::string::npos) << flag;
  }
  const Result version = RunExporter({"--version"});
  EXPECT_EQ(version.ExitCode(), 0);
  EXPECT_NE(version.out.find("cnproc_exporter"), std::string::npos) << version.out;
}

TEST(PortInUse, EndsWithStatus1AndNamesThePort) {
  const Exporter first;
  const Result second = RunExporter({ListenFlag(first.port())});
  EXPECT_EQ(second.ExitCode(), 1);
  // It may have said other things before, but the last word is the reason.
  EXPECT_NE(second.err.find(std::to_string(first.port())), std::string::npos) << second.err;
  EXPECT_NE(second.err.find("in use"), std::string::npos) << second.err;
}

TEST(ConfigCheck, SaysForEachPartWhetherItWorks) {
  const Result result = RunExporter({"--config.check"});
  EXPECT_EQ(result.ExitCode(), 0) << result.out << result.err;
  for (const char* part : {"stream", "audit", "processes", "program", "unit", "container", "user",
                           "taskstats", "oom", "usage"}) {
    EXPECT_NE(("\n" + result.out).find("\nok      " + std::string(part)), std::string::npos)
        << part << " in " << result.out;
  }
}

TEST(ConfigCheck, TriesTheFilesAndOverwritesNone) {
  // Given a recording of earlier days, and files of which one cannot be used
  const TempFolder folder;
  WriteFile(folder.Path("old.pcap"), "of earlier days");
  WriteFile(folder.Path("web.yml"), "http_server_config: {headers: {X-Frame-Options: deny}}\n");
  WriteFile(folder.Path("bad.yml"), "http_server_config: {http3: true}\n");
  // When they are checked
  const Result good = RunExporter({"--config.check", "--web.config.file=" + folder.Path("web.yml"),
                                   "--connector.record=" + folder.Path("old.pcap")});
  EXPECT_EQ(good.ExitCode(), 0) << good.out << good.err;
  EXPECT_NE(good.out.find("ok      web.config.file"), std::string::npos) << good.out;
  EXPECT_NE(good.out.find("ok      connector.record"), std::string::npos) << good.out;
  EXPECT_EQ(ReadFile(folder.Path("old.pcap")), "of earlier days");
  // Then what is wrong is said as it would be without the check
  const Result bad = RunExporter({"--config.check", "--web.config.file=" + folder.Path("bad.yml")});
  EXPECT_EQ(bad.ExitCode(), 2);
  EXPECT_NE(bad.err.find("http3"), std::string::npos) << bad.err;
  EXPECT_EQ(RunExporter({"--config.check", "--connector.record=/nonexistent/x.pcap"}).ExitCode(),
            1);
}

// Of alice, by bcrypt as --web.config.file has it and by Base64 as a client sends it.
struct Password {
  const char* hash;
  const char* login;
};
constexpr Password kOld = {"$2y$04$abcdefghijklmnopqrstuu3C6u2sQjFttrT16nmXgxlk/de0mfCmu",
                           "YWxpY2U6b2xk"};
constexpr Password kNew = {"$2y$04$abcdefghijklmnopqrstuusf96eeUQLgQWR72RBesvIE8CjOJNM9O",
                           "YWxpY2U6bmV3"};

HttpResponse GetAs(const Exporter& exporter, const Password& password) {
  return exporter.Get({.headers = {{"Authorization", std::string("Basic ") + password.login}}});
}

TEST(Sighup, ReadsTheWebConfigurationAgain) {
  // Given an exporter that serves everybody
  const TempFolder folder;
  const std::string file = folder.Path("web.yml");
  const auto write_users = [&file](const Password& password) {
    WriteFile(file, std::string("basic_auth_users: {alice: ") + password.hash + "}\n");
  };
  WriteFile(file, "http_server_config: {headers: {X-Frame-Options: deny}}\n");
  Exporter exporter({.flags = {"--web.config.file=" + file}});
  // When a password is asked for
  write_users(kOld);
  exporter.process().Signal(SIGHUP);
  EXPECT_TRUE(Eventually(seconds(2), [&] { return exporter.Get().status == 401; }));
  EXPECT_EQ(GetAs(exporter, kOld).status, 200);
  EXPECT_EQ(GetAs(exporter, kNew).status, 401);
  // Then another one takes its place
  write_users(kNew);
  exporter.process().Signal(SIGHUP);
  EXPECT_TRUE(Eventually(seconds(2), [&] { return GetAs(exporter, kOld).status == 401; }));
  EXPECT_EQ(GetAs(exporter, kNew).status, 200);
  const std::string successful = "cnproc_exporter_config_last_reload_successful";
  EXPECT_EQ(Page::Parse(GetAs(exporter, kNew).body)[successful], 1);
  // But a broken file does not, and is told of
  WriteFile(file, "basic_auth_users: {alice\n");
  exporter.process().Signal(SIGHUP);
  EXPECT_TRUE(Eventually(seconds(2),
                         [&] { return Page::Parse(GetAs(exporter, kNew).body)[successful] == 0; }));
  EXPECT_EQ(exporter.Get().status, 401);
  EXPECT_EQ(GetAs(exporter, kOld).status, 401);
  EXPECT_EQ(GetAs(exporter, kNew).status, 200);
  EXPECT_NE(exporter.Log().find(file + ":"), std::string::npos) << exporter.Log();
  // And a mended one is taken without a signal
  write_users(kOld);
  EXPECT_TRUE(Eventually(seconds(5), [&] { return GetAs(exporter, kOld).status == 200; }));
  EXPECT_EQ(Page::Parse(GetAs(exporter, kOld).body)[successful], 1);
  EXPECT_EQ(exporter.Stop(), 0);
}

TEST(NoPrivilege, ServesWithASmallerBufferOrSaysWhatIsMissing) {
  if (!AnyoneMayListen()) {
    const Result result = RunExporter({ListenFlag(FreePort())}, {.as_nobody = true});
    EXPECT_EQ(result.ExitCode(), 1);
    EXPECT_NE(result.err.find("CAP_NET_ADMIN"), std::string::npos) << result.err;
    EXPECT_EQ(RunExporter({"--config.check"}, {.as_nobody = true}).ExitCode(), 1);
    return;
  }
  const Witness witness;
  Exporter exporter({.as_nobody = true});
  const double limit = std::stod(ReadFile("/proc/sys/net/core/rmem_max"));
  if (limit < (8 << 20)) {
    EXPECT_NE(exporter.Log().find("CAP_NET_ADMIN"), std::string::npos) << exporter.Log();
  }
  const Window window = Alone(exporter, witness, [] { RunWorkload({"exit", "20", "77"}); });
  EXPECT_EQ(window.delta()["cnproc_exit_codes_total{code=\"77\"}"], 20);
  // The kernel grants the double of what it takes from SO_RCVBUF.
  EXPECT_LE(window.after.page["cnproc_receive_buffer_bytes"], 2 * limit);
  EXPECT_GT(window.after.page["cnproc_receive_buffer_bytes"], 0);
  EXPECT_EQ(exporter.Stop(), 0);
  EXPECT_EQ(RunExporter({"--config.check"}, {.as_nobody = true}).ExitCode(), 0);
}

TEST(WithPrivilege, TheWholeBufferIsGranted) {
  const Exporter exporter;
  EXPECT_GE(exporter.Scrape()["cnproc_receive_buffer_bytes"], 2 * (8 << 20)) << "it doubles";
}

// cn_proc.md: send() fails with ECONNREFUSED.
TEST(OwnNetworkNamespace, IsAnErrorThatNamesTheFlag) {
  const Result result = RunExporter({ListenFlag(FreePort())}, {.namespaces = CLONE_NEWNET});
  EXPECT_EQ(result.ExitCode(), 1);
  EXPECT_NE(result.err.find("--connector.netns"), std::string::npos) << result.err;
}

void BringLoopbackUp() {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::string("lo").copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_UP;
  const int result = ioctl(fd, SIOCSIFFLAGS, &request);
  close(fd);
  if (result != 0) FailErrno("lo up");
}

TEST(OwnNetworkNamespace, WithTheHostsForTheConnectorItCountsTheHost) {
  const Witness witness;
  std::string failure;
  // A thread has a network namespace of its own, and hands it to the processes it starts.
  std::thread container([&] {
    try {
      if (unshare(CLONE_NEWNET) != 0) FailErrno("unshare");
      BringLoopbackUp();
      const std::string host = "/proc/" + std::to_string(getpid()) + "/ns/net";
      Exporter exporter({.flags = {"--connector.netns=" + host}});
      const Window window = Alone(exporter, witness, [] { RunWorkload({"exit", "20", "77"}); });
      EXPECT_EQ(window.delta()["cnproc_exit_codes_total{code=\"77\"}"], 20);
      EXPECT_EQ(exporter.Stop(), 0);
    } catch (const HarnessError& error) {
      failure = error.what();
    }
  });
  container.join();
  EXPECT_EQ(failure, "");
}

// cn_proc.md: send() succeeds and no acknowledgement ever comes.
void ExpectAnErrorIn(int namespaces) {
  const Result result = RunExporter({ListenFlag(FreePort())}, {.namespaces = namespaces});
  EXPECT_EQ(result.ExitCode(), 1) << result.err;
  EXPECT_NE(result.err.find("namespace"), std::string::npos) << result.err;
}

TEST(OwnPidNamespace, IsAnErrorInABoundedTime) { ExpectAnErrorIn(CLONE_NEWPID); }

TEST(OwnUserNamespace, IsAnErrorInABoundedTime) {
  // Not unshare(), which a process with the thread of a sanitizer may not call.
  const long probe =
      syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (probe == 0) syscall(SYS_exit, 0);
  // clone(2): EPERM in a chroot.
  if (probe < 0 && errno == EPERM) GTEST_SKIP() << "a chroot can make no user namespace";
  ASSERT_EQ(waitpid(static_cast<pid_t>(probe), nullptr, 0), probe);
  ExpectAnErrorIn(CLONE_NEWUSER);
}

// An exporter whose clocks are that far ahead of the machine's. The namespace is that of the
// calling thread's children.
void RunInOwnTimeNamespace(int64_t offset_seconds, const std::function<void()>& run) {
  std::thread([&] {
    ASSERT_EQ(unshare(CLONE_NEWTIME), 0) << std::strerror(errno);
    const std::string path = "/proc/" + std::to_string(gettid()) + "/timens_offsets";
    const std::string seconds = std::to_string(offset_seconds);
    std::ofstream file(path);
    file << "monotonic " << seconds << " 0\nboottime " << seconds << " 0\n" << std::flush;
    ASSERT_TRUE(file) << path;
    run();
  }).join();
}

class OwnTimeNamespace : public testing::TestWithParam<int64_t> {};

TEST_P(OwnTimeNamespace, ChangesNoTime) {
  // Given processes that are older than an exporter whose clocks are not the machine's
  auto held = std::make_unique<HeldProcesses>(20, 0);
  RunInOwnTimeNamespace(GetParam(), [&] {
    const Exporter exporter;
    const double begin = exporter.Scrape()["cnproc_process_lifetime_seconds_sum"];
    // When they end, and others begin and end
    held.reset();
    RunWorkload({"exit", "20", "77"});
    const auto now = static_cast<double>(time(nullptr));
    Page page;
    ASSERT_TRUE(Eventually(seconds(10), [&] {
      page = exporter.Scrape();
      return page["cnproc_exit_codes_total{code=\"77\"}"] == 20 &&
             page["cnproc_exit_signals_total{signal=\"SIGKILL\"}"] >= 20;
    }));
    // Then all of them lived for seconds, all events were processed at once, and it is today.
    const std::string lifetimes = "cnproc_program_lifetime_seconds";
    EXPECT_GE(page[lifetimes + "_count{program=\"cnproc_workload\"}"], 41);
    EXPECT_EQ(page[lifetimes + "_bucket{program=\"cnproc_workload\",le=\"60.0\"}"],
              page[lifetimes + "_count{program=\"cnproc_workload\"}"]);
    EXPECT_GT(page[lifetimes + "_sum{program=\"cnproc_workload\"}"], 0);
    EXPECT_GE(page["cnproc_process_lifetime_seconds_sum"], begin);
    EXPECT_EQ(page["cnproc_event_delay_seconds_bucket{le=\"10.0\"}"],
              page["cnproc_event_delay_seconds_count"]);
    EXPECT_GT(page["cnproc_event_delay_seconds_sum"], 0);
    EXPECT_NEAR(page["cnproc_last_event_timestamp_seconds"], now, 60);
    EXPECT_EQ(page["cnproc_processes_reconciled_total{change=\"vanished\"}"], 0);
  });
}

// One whose clocks are behind: processes are older than its clock can say.
INSTANTIATE_TEST_SUITE_P(Clocks, OwnTimeNamespace, testing::Values(100'000, -1));

TEST(Log, IsLogfmtOrJson) {
  const std::string logfmt = Exporter().Log();
  EXPECT_NE(logfmt.find("level=info"), std::string::npos) << logfmt;
  const std::string json = Exporter({.flags = {"--log.format=json"}}).Log();
  ASSERT_NE(json, "");
  size_t start = 0;
  for (size_t end = 0; (end = json.find('\n', start)) != std::string::npos; start = end + 1) {
    EXPECT_EQ(json[start], '{') << json;
    EXPECT_EQ(json[end - 1], '}') << json;
  }
  EXPECT_EQ(Exporter({.flags = {"--log.level=error"}}).Log(), "");
}

TEST(Sockets, AreGivenBack) {
  Exporter exporter;
  exporter.Scrape();
  const int64_t before = UsageOf(exporter.pid()).descriptors;
  for (int i = 0; i < 50; ++i) exporter.Scrape();
  EXPECT_TRUE(
      Eventually(seconds(2), [&] { return UsageOf(exporter.pid()).descriptors <= before; }));
}

}  // namespace
}  // namespace cnproc::e2e
