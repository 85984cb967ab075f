// SPDX-License-Identifier: Apache-2.0
// Ids that are given to another task as soon as they are free: clone3 with set_tid, which only root
// may use (Linux 5.5).
#include <linux/sched.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <vector>

#include "tests/workload/workload.h"

namespace cnproc::workload {
namespace {

constexpr long kMost = 100'000;

// One that nobody has, for now.
pid_t FreeId() {
  const pid_t pid = Fork([] {});
  Wait(pid);
  return pid;
}

// COUNT children of this process have the id, one after the other, each as soon as it is free.
void TakeInTurns(long count, pid_t id, int code) {
  if (std::signal(SIGCHLD, SIG_IGN) == SIG_ERR) Die("signal");  // so they free it themselves
  for (long i = 0; i < count;) {
    pid_t wanted = id;
    clone_args arguments{};
    arguments.exit_signal = SIGCHLD;
    arguments.set_tid = reinterpret_cast<uint64_t>(&wanted);
    arguments.set_tid_size = 1;
    const long pid = syscall(SYS_clone3, &arguments, sizeof(arguments));
    if (pid == 0) _exit(code);
    if (pid > 0) {
      ++i;
    } else if (errno == EEXIST) {
      sched_yield();
    } else {
      Die("clone3");
    }
  }
  while (wait(nullptr) > 0) {
  }
}

void SamePid(Arguments arguments) {
  const long count = Number(arguments[0], 1, kMost);
  const pid_t id = FreeId();
  std::vector<pid_t> parents;
  for (size_t i = 1; i < 3; ++i) {
    const int code = static_cast<int>(Number(arguments[i], 0, 255));
    parents.push_back(Fork([=] { TakeInTurns(count, id, code); }));
  }
  for (const pid_t parent : parents) {
    if (Wait(parent) != 0) Die("a parent failed");
  }
}

#ifdef __x86_64__
// Starts a thread that touches no memory, waits for a moment and ends with that code by itself.
long StartThread(const clone_args& arguments, int code) {
  long result = SYS_clone3;
  // NOLINTNEXTLINE(hicpp-no-assembler): there is no other way to give a thread its id
  __asm__ volatile(
      "syscall\n test %%rax, %%rax\n jnz 1f\n"
      " mov $200, %%ecx\n 2: pause\n dec %%ecx\n jnz 2b\n"
      " mov %[exit], %%eax\n mov %[code], %%edi\n syscall\n 1:"
      : "+a"(result)
      : "D"(&arguments), "S"(sizeof(arguments)), [exit] "i"(SYS_exit), [code] "r"(code)
      : "rcx", "r11", "memory");
  return result;
}

// The thread and the leader end alone, at about the same time.
[[noreturn]] void EndWithThread(pid_t id, int code) {
  alignas(16) static char stack[4096];
  clone_args arguments{};
  arguments.flags =
      CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
  arguments.stack = reinterpret_cast<uint64_t>(stack);
  arguments.stack_size = sizeof(stack);
  arguments.set_tid = reinterpret_cast<uint64_t>(&id);
  arguments.set_tid_size = 1;
  long result = 0;
  while ((result = StartThread(arguments, code)) == -EEXIST) sched_yield();
  if (result < 0) Die("clone3");
  syscall(SYS_exit, code);
  _exit(1);
}

void SameTid(Arguments arguments) {
  const long count = Number(arguments[0], 1, kMost);
  const long processes = Number(arguments[1], 1, 100);
  const int code = static_cast<int>(Number(arguments[2], 0, 255));
  const pid_t id = FreeId();
  std::vector<pid_t> parents;
  for (long i = 0; i < processes; ++i) {
    parents.push_back(Fork([=] {
      for (long n = 0; n < count; ++n) {
        if (Wait(Fork([=] { EndWithThread(id, code); })) != code << 8) Die("another status");
      }
    }));
  }
  for (const pid_t parent : parents) {
    if (Wait(parent) != 0) Die("a parent failed");
  }
}
#endif

constexpr Command kCommands[] = {
    {"same-pid", "COUNT CODE CODE", "twice COUNT processes of two parents take one pid in turns", 3,
     3, SamePid},
#ifdef __x86_64__
    {"same-tid", "COUNT PARENTS CODE", "COUNT children of each parent end with one thread's id", 3,
     3, SameTid},
#endif
};

}  // namespace

std::span<const Command> IdCommands() { return kCommands; }

}  // namespace cnproc::workload
