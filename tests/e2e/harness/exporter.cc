// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/harness/exporter.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>

#include "tests/e2e/harness/error.h"

namespace cnproc::e2e {
namespace {

constexpr milliseconds kStartLimit = seconds(10);
constexpr milliseconds kStopLimit = seconds(10);

std::string PathFrom(const char* variable, const char* built) {
  const char* given = std::getenv(variable);
  return given != nullptr ? given : built;
}

Command CommandLine(const Command& flags) {
  Command command = {ExporterBinary()};
  command.insert(command.end(), flags.begin(), flags.end());
  return command;
}

bool Mentions(const Command& flags, const std::string& flag) {
  return std::any_of(flags.begin(), flags.end(),
                     [&](const std::string& word) { return word.rfind(flag, 0) == 0; });
}

}  // namespace

std::string ExporterBinary() { return PathFrom("CNPROC_EXPORTER", CNPROC_EXPORTER_PATH); }
std::string WorkloadBinary() { return PathFrom("CNPROC_WORKLOAD", CNPROC_WORKLOAD_PATH); }

Exporter::Exporter(const ExporterOptions& options) : port_(FreePort()) {
  WriteFile(folder_.Path("log"), "");
  const int log = open(folder_.Path("log").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  Command flags = options.flags;
  // Built with a sanitizer it is slower than the kernel makes events. Whether the default buffer is
  // enough is for the release build to show; here what counts is that nothing is miscounted.
  if (kSanitized && !Mentions(flags, "--connector.receive-buffer")) {
    flags.push_back("--connector.receive-buffer=128MiB");
  }
  flags.push_back("--web.listen-address=127.0.0.1:" + std::to_string(port_));
  process_ = std::make_unique<Process>(
      CommandLine(flags), SpawnOptions{.as_nobody = options.as_nobody,
                                       .without_capabilities = options.without_capabilities,
                                       .namespaces = options.namespaces,
                                       .stderr_fd = log});
  close(log);
  const char* path = options.wait_until_ready ? "/-/ready" : "/-/healthy";
  std::string answer;
  const bool started = Eventually(kStartLimit, [&] {
    if (process_->Poll()) Fail("the exporter ended at once and said: " + Log());
    try {
      const HttpResponse response = Get(path);
      answer = response.body;
      return response.status == 200;
    } catch (const HarnessError&) {
      return false;  // it does not listen yet
    }
  });
  if (!started) Fail(std::string(path) + " never said 200 but " + answer + "; the log: " + Log());
}

Exporter::~Exporter() {
  if (process_->Poll()) return;
  try {
    // A killed listener is never taken off the kernel's count before 6.6.
    Stop();
  } catch (const HarnessError&) {
    process_->Signal(SIGKILL);
  }
}

int Exporter::Stop(int signal) {
  process_->Signal(signal);
  const int status = process_->Wait(kStopLimit);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

Page Exporter::Scrape() const {
  const HttpResponse response = Get();
  if (response.status != 200) Fail("/metrics said " + std::to_string(response.status));
  return Page::Parse(response.body);
}

std::string Exporter::Log() const { return ReadFile(folder_.Path("log")); }

Result RunExporter(const Command& flags, const SpawnOptions& options) {
  return RunProgram(CommandLine(flags), options, seconds(30));
}

std::string RunWorkload(const Command& arguments) {
  Command command = {WorkloadBinary()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const Result result = RunProgram(command, {}, seconds(120));
  if (result.status != 0) Fail("the workload failed: " + result.err);
  return result.out;
}

double Printed(const std::string& out, const std::string& key) {
  const size_t start = out.find(key + "=");
  if (start == std::string::npos) Fail("no " + key + "= in '" + out + "'");
  return std::stod(out.substr(start + key.size() + 1));
}

HeldProcesses::HeldProcesses(int processes, int threads_each) {
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  if (pipe2(in.data(), O_CLOEXEC) != 0 || pipe2(out.data(), O_CLOEXEC) != 0) FailErrno("pipe");
  stdin_write_ = in[1];
  process_ = std::make_unique<Process>(
      Command{WorkloadBinary(), "hold", std::to_string(processes), std::to_string(threads_each)},
      SpawnOptions{.stdin_fd = in[0], .stdout_fd = out[1]});
  close(in[0]);
  close(out[1]);
  std::array<char, 16> line{};
  const ssize_t length = read(out[0], line.data(), line.size());
  close(out[0]);
  if (length <= 0) Fail("the held processes did not start");
}

HeldProcesses::~HeldProcesses() {
  if (stdin_write_ >= 0) close(stdin_write_);
}

void HeldProcesses::Release() {
  close(stdin_write_);
  stdin_write_ = -1;
  process_->Wait(seconds(20));
}

}  // namespace cnproc::e2e
