// SPDX-License-Identifier: Apache-2.0
// How processes with threads end: in which order their threads are gone, and in which the kernel
// says so. A task tells of its end late: one of a real-time class on its CPU gets in between.
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <vector>

#include "tests/workload/workload.h"

namespace cnproc::workload {
namespace {

constexpr long kMost = 100'000;
constexpr long kMostThreads = 64;

// How a child is to end, by its own wait status.
struct Ending {
  std::function<void()> end;
  int wait_status;
};

Ending ByCode(const char* text) {
  const int code = static_cast<int>(Number(text, 0, 255));
  return {[code] { _exit(code); }, code << 8};
}

Ending ByAbort() {
  return {[] { std::abort(); }, SIGABRT};
}

void ExpectStatus(int status, const Ending& ending) {
  if ((status & ~0x80) != ending.wait_status) Die("a child ended in another way");
}

void BecomeRealTime() {
  const sched_param parameters{.sched_priority = 1};
  if (sched_setscheduler(0, SCHED_FIFO, &parameters) != 0) Die("sched_setscheduler");
}

pthread_t StartThread(void* (*body)(void*)) {
  pthread_t thread{};
  if (pthread_create(&thread, nullptr, body, nullptr) != 0) Die("pthread_create");
  return thread;
}

// The leader goes on as soon as a thread lets it, before that thread has told of its end.
void JoinFirst(long count, long threads, const Ending& ending) {
  for (long i = 0; i < count; ++i) {
    const int status = Wait(Fork([&] {
      PinTo(sched_getcpu());
      std::vector<pthread_t> started;
      for (long t = 0; t < threads; ++t) {
        started.push_back(StartThread([](void*) -> void* { return nullptr; }));
      }
      BecomeRealTime();
      for (const pthread_t thread : started) pthread_join(thread, nullptr);
      ending.end();
    }));
    ExpectStatus(status, ending);
  }
}

// COUNT processes at once, all of whose threads end at one moment.
void JoinAtOnce(long count, long threads, const Ending& ending) {
  static timespec moment;
  clock_gettime(CLOCK_MONOTONIC, &moment);
  moment.tv_sec += 2;
  std::vector<pid_t> children;
  for (long i = 0; i < count; ++i) {
    children.push_back(Fork([&] {
      std::vector<pthread_t> started;
      for (long t = 0; t < threads; ++t) {
        started.push_back(StartThread([](void*) -> void* {
          clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &moment, nullptr);
          return nullptr;
        }));
      }
      for (const pthread_t thread : started) pthread_join(thread, nullptr);
      ending.end();
    }));
  }
  for (const pid_t child : children) ExpectStatus(Wait(child), ending);
}

void JoinFirstCode(Arguments arguments) {
  JoinFirst(Number(arguments[0], 1, kMost), Number(arguments[1], 1, kMostThreads),
            ByCode(arguments[2]));
}

void JoinFirstAbort(Arguments arguments) {
  JoinFirst(Number(arguments[0], 1, kMost), Number(arguments[1], 1, kMostThreads), ByAbort());
}

void JoinAtOnceCode(Arguments arguments) {
  JoinAtOnce(Number(arguments[0], 1, 1000), Number(arguments[1], 1, kMostThreads),
             ByCode(arguments[2]));
}

void JoinAtOnceAbort(Arguments arguments) {
  JoinAtOnce(Number(arguments[0], 1, 1000), Number(arguments[1], 1, kMostThreads), ByAbort());
}

// The leader ends alone, its thread exits before the leader has told of its end.
void LeaderLate(Arguments arguments) {
  const long count = Number(arguments[0], 1, kMost);
  static Ending ending;
  ending = ByCode(arguments[1]);
  static pthread_t leader;
  for (long i = 0; i < count; ++i) {
    const int status = Wait(Fork([] {
      PinTo(sched_getcpu());
      leader = pthread_self();
      StartThread([](void*) -> void* {
        BecomeRealTime();
        pthread_join(leader, nullptr);
        ending.end();
        return nullptr;
      });
      syscall(SYS_exit, 0);
    }));
    ExpectStatus(status, ending);
  }
}

// One thread ends with a code of its own, which is no exit of the process.
void ThreadFails(Arguments arguments) {
  const long count = Number(arguments[0], 1, kMost);
  static long code;
  code = Number(arguments[1], 0, 255);
  for (long i = 0; i < count; ++i) {
    const int status = Wait(Fork([] {
      const pthread_t thread = StartThread([](void*) -> void* {
        syscall(SYS_exit, code);
        return nullptr;
      });
      pthread_join(thread, nullptr);
    }));
    if (status != 0) Die("a thread's code became its process'");
  }
}

void Busy(Arguments arguments) {
  Flood(Number(arguments[0], 1, 100), static_cast<double>(Number(arguments[1], 1, 60)), [] {
    [[maybe_unused]] volatile int counter = 0;
    for (int i = 0; i < 1000; ++i) counter = i;
  });
}

constexpr Command kCommands[] = {
    {"join-first", "COUNT THREADS CODE", "COUNT leaders join THREADS, exit and are told first", 3,
     3, JoinFirstCode},
    {"join-first-abort", "COUNT THREADS", "the same, and the leader aborts", 2, 2, JoinFirstAbort},
    {"join-at-once", "COUNT THREADS CODE", "COUNT at once, whose threads end at one moment", 3, 3,
     JoinAtOnceCode},
    {"join-at-once-abort", "COUNT THREADS", "the same, and the leader aborts", 2, 2,
     JoinAtOnceAbort},
    {"leader-late", "COUNT CODE", "COUNT leaders that end before a thread exits, told last", 2, 2,
     LeaderLate},
    {"thread-fails", "COUNT CODE", "COUNT processes that succeed, one thread of which does not", 2,
     2, ThreadFails},
    {"busy", "COUNT SECONDS", "COUNT processes that compute", 2, 2, Busy},
};

}  // namespace

std::span<const Command> GroupCommands() { return kCommands; }

}  // namespace cnproc::workload
