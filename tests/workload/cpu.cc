// SPDX-License-Identifier: Apache-2.0
// Who uses the CPU, and for how long.
#include <time.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "tests/workload/workload.h"

namespace cnproc::workload {
namespace {

constexpr long kMostMs = 60'000;

double SecondsOf(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// Until the clock has moved so far.
void BurnBy(clockid_t clock, long milliseconds) {
  const double end = SecondsOf(clock) + static_cast<double>(milliseconds) / 1000;
  while (SecondsOf(clock) < end) {
  }
}

void Burn(Arguments arguments) {
  const long lives = Number(arguments[0], 1, 100'000);
  const long milliseconds = Number(arguments[1], 1, kMostMs);
  for (long i = 0; i < lives; ++i) {
    Wait(Fork([milliseconds] { BurnBy(CLOCK_PROCESS_CPUTIME_ID, milliseconds); }));
  }
}

void BurnSlowly(Arguments arguments) {
  constexpr long kStepMs = 10;
  const long milliseconds = Number(arguments[0], kStepMs, kMostMs);
  const long pause_ms = Number(arguments[1], 1, 1000);
  for (long burnt = 0; burnt < milliseconds; burnt += kStepMs) {
    BurnBy(CLOCK_PROCESS_CPUTIME_ID, kStepMs);
    usleep(static_cast<useconds_t>(pause_ms * 1000));
  }
}

// The threads end one after the other, each before the process.
void BurnInThreads(Arguments arguments) {
  const long count = Number(arguments[0], 1, 1000);
  const long milliseconds = Number(arguments[1], 1, kMostMs);
  std::vector<std::thread> threads;
  for (long i = 0; i < count; ++i) {
    threads.emplace_back([=] { BurnBy(CLOCK_THREAD_CPUTIME_ID, milliseconds); });
  }
  for (std::thread& thread : threads) thread.join();
}

void BurnThenExec(Arguments arguments) {
  BurnBy(CLOCK_PROCESS_CPUTIME_ID, Number(arguments[0], 1, kMostMs));
  char command[] = "burn-slowly";
  char pause[] = "1";
  char* const words[] = {arguments[1], command, arguments[0], pause, nullptr};
  execv(arguments[1], words);
  Die(arguments[1]);
}

}  // namespace

std::span<const Command> CpuCommands() {
  static constexpr Command kCommands[] = {
      {"burn", "LIVES MS", "children one after the other, each takes so much of a CPU", 2, 2,
       &Burn},
      {"burn-slowly", "MS PAUSE_MS", "takes so much of a CPU, with a pause each 10 ms", 2, 2,
       &BurnSlowly},
      {"burn-in-threads", "THREADS MS", "threads at once, each takes so much of a CPU", 2, 2,
       &BurnInThreads},
      {"burn-then-exec", "MS PATH", "takes so much of a CPU, then PATH as burn-slowly MS 1", 2, 2,
       &BurnThenExec},
  };
  return kCommands;
}

}  // namespace cnproc::workload
