// SPDX-License-Identifier: Apache-2.0
// How processes and threads begin and end.
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "tests/workload/workload.h"

namespace cnproc::workload {
namespace {

constexpr long kMost = 1'000'000;

void Exit(Arguments arguments) {
  const long count = Number(arguments[0], 1, kMost);
  const int code = static_cast<int>(Number(arguments[1], 0, 255));
  for (long i = 0; i < count; ++i) Wait(Fork([code] { _exit(code); }));
}

// Whether cores are written, and a folder of its own for them. A limit of 1 byte means none both
// for files and for a handler behind a pipe in core_pattern, which ignores a limit of 0.
class CoreFolder {
 public:
  explicit CoreFolder(bool written) {
    const rlim_t limit = written ? RLIM_INFINITY : 1;
    const rlimit limits{limit, limit};
    if (setrlimit(RLIMIT_CORE, &limits) != 0) Die("setrlimit");
    if (written) {
      std::string name = "/tmp/cnproc_core_XXXXXX";
      if (mkdtemp(name.data()) == nullptr || chdir(name.c_str()) != 0) Die(name);
      path_ = name;
    }
  }
  ~CoreFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  CoreFolder(const CoreFolder&) = delete;
  CoreFolder& operator=(const CoreFolder&) = delete;

 private:
  std::string path_;
};

void Signal(Arguments arguments) {
  const long count = Number(arguments[0], 1, kMost);
  const int signal = static_cast<int>(Number(arguments[1], 1, SIGRTMAX));
  const CoreFolder folder(arguments.size() > 2);
  for (long i = 0; i < count; ++i) {
    const int status = Wait(Fork([signal] {
      if (std::signal(signal, SIG_DFL) == SIG_ERR && signal != SIGKILL) Die("signal");
      kill(getpid(), signal);
      pause();
    }));
    if (!WIFSIGNALED(status) || WTERMSIG(status) != signal) Die("the child outlived the signal");
    if (arguments.size() > 2 && !WCOREDUMP(status)) Die("no core was written");
  }
}

pthread_t StartThread(void* (*body)(void*), void* argument) {
  pthread_t thread{};
  if (pthread_create(&thread, nullptr, body, argument) != 0) Die("pthread_create");
  return thread;
}

void Threads(Arguments arguments) {
  const long count = Number(arguments[0], 1, kMost);
  for (long i = 0; i < count; ++i) {
    pthread_join(StartThread([](void*) -> void* { return nullptr; }, nullptr), nullptr);
  }
}

// Ends the calling thread alone: pthread_exit would unwind, which a static program cannot do
// without libgcc_s.
[[noreturn]] void ExitThread() {
  syscall(SYS_exit, 0);
  _exit(111);
}

void SleepMilliseconds(unsigned milliseconds) { usleep(milliseconds * 1000); }

void LeaderFirst(Arguments arguments) {
  const long count = Number(arguments[0], 1, kMost);
  static int code;
  code = static_cast<int>(Number(arguments[1], 0, 255));
  for (long i = 0; i < count; ++i) {
    const int status = Wait(Fork([] {
      StartThread(
          [](void*) -> void* {
            SleepMilliseconds(5);  // the leader is gone by then
            _exit(code);
          },
          nullptr);
      ExitThread();
    }));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != code) Die("the last thread's code got lost");
  }
}

// The leader is still there when the thread execs: the kernel ends it and gives its tid away.
void ExecByThread(Arguments arguments) {
  const long count = Number(arguments[0], 1, kMost);
  const int code = static_cast<int>(Number(arguments[1], 0, 255));
  static std::string path = TinyProgram();
  static std::vector<char*> words;
  words = TinyArguments(path, code);
  for (long i = 0; i < count; ++i) {
    const int status = Wait(Fork([] {
      StartThread(
          [](void*) -> void* {
            execv(path.c_str(), words.data());
            Die(path);
          },
          nullptr);
      for (;;) pause();
    }));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != code) Die("exec by a thread");
  }
}

// Keeps count children (each with that many threads besides the leader) until stdin ends.
void Hold(Arguments arguments) {
  const long count = Number(arguments[0], 1, 10'000);
  const long threads = arguments.size() > 1 ? Number(arguments[1], 0, 1000) : 0;
  std::array<int, 2> started{};
  if (pipe(started.data()) != 0) Die("pipe");
  std::vector<pid_t> children;
  for (long i = 0; i < count; ++i) {
    children.push_back(Fork([&] {
      for (long t = 0; t < threads; ++t) {
        StartThread(
            [](void*) -> void* {
              for (;;) pause();
            },
            nullptr);
      }
      if (write(started[1], "x", 1) != 1) Die("write");
      for (;;) pause();
    }));
  }
  char byte = 0;
  for (long i = 0; i < count; ++i) {
    if (read(started[0], &byte, 1) != 1) Die("read");
  }
  std::cout << "ready" << std::endl;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  for (const pid_t child : children) kill(child, SIGKILL);
  for (const pid_t child : children) Wait(child);
}

constexpr Command kCommands[] = {
    {"exit", "COUNT CODE", "COUNT processes that exit with CODE", 2, 2, Exit},
    {"signal", "COUNT SIGNAL [core]", "COUNT processes that die by SIGNAL; with core written", 2, 3,
     Signal},
    {"threads", "COUNT", "COUNT threads, one after the other", 1, 1, Threads},
    {"leader-first", "COUNT CODE", "COUNT processes that exit in their last thread, leader gone", 2,
     2, LeaderFirst},
    {"exec-by-thread", "COUNT CODE", "COUNT processes in which a thread execs a program", 2, 2,
     ExecByThread},
    {"hold", "COUNT [THREADS]", "COUNT processes that live until stdin ends", 1, 2, Hold},
};

}  // namespace

std::span<const Command> LifeCommands() { return kCommands; }

}  // namespace cnproc::workload
