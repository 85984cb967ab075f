// SPDX-License-Identifier: Apache-2.0
#include <malloc.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <iostream>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

#include "collectors/base/time.h"
#include "exporter/app.h"
#include "exporter/check.h"
#include "exporter/inputs.h"
#include "exporter/log.h"
#include "exporter/options.h"
#include "exporter/service_manager.h"
#include "exporter/settings.h"
#include "exporter/web/guard.h"

namespace cnproc {
namespace {

// As interface.md and the README say.
enum ExitStatus : int { kStopped = 0, kCannotWork = 1, kBadUsage = 2 };

sigset_t HandledSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  return signals;
}

int Fail(const absl::Status& status) {
  Log(Severity::kError, std::string(status.message()));
  return absl::IsInvalidArgument(status) ? kBadUsage : kCannotWork;
}

void WarnOfShortTimeouts(const Options& options) {
  constexpr int64_t kShortNs = 120 * kNsPerSecond;
  for (const auto& [flag, timeout_ns] :
       {std::pair("--collector.idle-timeout", options.idle_timeout_ns),
        std::pair("--collector.container.idle-timeout", options.container_idle_timeout_ns)}) {
    if (timeout_ns >= kShortNs) continue;
    Log(Severity::kWarn, "values can go before a few scrapes have seen them: give 2m or more",
        {{"flag", flag}});
  }
}

// Waits for the next signal, at most for one watchdog interval; 0 where none came.
int NextSignal(const sigset_t& signals, const ServiceManager& manager) {
  const std::optional<int64_t> interval_ns = manager.watchdog_interval_ns();
  if (!interval_ns) return sigwaitinfo(&signals, nullptr);
  const timespec timeout = {.tv_sec = *interval_ns / kNsPerSecond,
                            .tv_nsec = *interval_ns % kNsPerSecond};
  return sigtimedwait(&signals, nullptr, &timeout);
}

int ServeUntilStopped(const sigset_t& signals, App& app) {
  const ServiceManager manager;
  manager.SendReady();
  while (true) {
    const int signal = NextSignal(signals, manager);
    // A collector thread that is stuck is restarted with the whole process.
    if (app.MakesProgress()) manager.SendAlive();
    if (signal == SIGHUP) {
      manager.SendReloading();
      app.Reload();
      manager.SendReady();
    }
    if (signal == SIGTERM || signal == SIGINT) {
      Log(Severity::kInfo, "stopping", {{"signal", signal == SIGINT ? "SIGINT" : "SIGTERM"}});
      manager.SendStopping();
      return kStopped;
    }
  }
}

int Run(const Options& options) {
  ConfigureLog(options.log_level, options.log_format);
  // Blocked in every thread, taken by sigwait in this one.
  const sigset_t signals = HandledSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  (void)std::signal(SIGPIPE, SIG_IGN);
  // Hundreds of threads that each answer now and then: a heap for each would only cost memory.
  mallopt(M_ARENA_MAX, 2);
  const absl::StatusOr<Settings> settings = ReadSettings(options);
  if (!settings.ok()) {
    Fail(settings.status());
    return kBadUsage;
  }
  absl::StatusOr<std::unique_ptr<Guard>> guard = Guard::Create(options.web_config_file);
  if (!guard.ok()) {
    Fail(guard.status());
    return kBadUsage;
  }
  if (options.config_check) return CheckConfiguration(options, *settings);
  WarnOfShortTimeouts(options);
  for (const std::string& impossible : ImpossibleExpectations(*settings)) {
    Log(Severity::kWarn, impossible, {{"file", options.config_file}});
  }
  absl::StatusOr<PipelineInputs> inputs = OpenInputs(options);
  if (!inputs.ok()) {
    // A recording is a file of the operator's; without one the machine is at fault.
    const bool bad_file = !options.replay_file.empty() || absl::IsInvalidArgument(inputs.status());
    Fail(inputs.status());
    return bad_file ? kBadUsage : kCannotWork;
  }
  App app(options, *settings, *std::move(inputs), *std::move(guard));
  if (absl::Status status = app.Start(); !status.ok()) return Fail(status);
  return ServeUntilStopped(signals, app);
}

}  // namespace
}  // namespace cnproc

int main(int argc, char** argv) {
  std::variant<cnproc::Options, cnproc::ExitRequest> parsed = cnproc::ParseOptions(argc, argv);
  if (const auto* exit = std::get_if<cnproc::ExitRequest>(&parsed)) {
    (exit->status == 0 ? std::cout : std::cerr) << exit->text;
    return exit->status;
  }
  try {
    return cnproc::Run(std::get<cnproc::Options>(parsed));
  } catch (const std::system_error& error) {
    cnproc::Log(
        cnproc::Severity::kError,
        std::string("cannot start a thread: ") + error.what() +
            "; allow more (ulimit -u, TasksMax= of the unit, the pids limit of the container)");
  } catch (const std::bad_alloc&) {
    cnproc::Log(cnproc::Severity::kError, "out of memory; allow more");
  }
  return cnproc::kCannotWork;
}
