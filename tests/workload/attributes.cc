// SPDX-License-Identifier: Apache-2.0
// What processes change about themselves and each other.
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <iostream>

#include "tests/workload/workload.h"

namespace cnproc::workload {
namespace {

constexpr long kMost = 1'000'000;

void Succeed(int result, const char* what) {
  if (result != 0) Die(what);
}

void Uid(Arguments arguments) {
  const long count = Number(arguments[0], 1, kMost);
  for (long i = 0; i < count; ++i) {
    Succeed(seteuid(kNobody), "seteuid");
    Succeed(seteuid(0), "seteuid");
  }
}

void Gid(Arguments arguments) {
  const long count = Number(arguments[0], 1, kMost);
  for (long i = 0; i < count; ++i) {
    Succeed(setegid(kNobody), "setegid");
    Succeed(setegid(0), "setegid");
  }
}

void Sid(Arguments arguments) {
  const long count = Number(arguments[0], 1, kMost);
  for (long i = 0; i < count; ++i) {
    Wait(Fork([] {
      if (setsid() < 0) Die("setsid");
    }));
  }
}

void Ptrace(Arguments arguments) {
  const long count = Number(arguments[0], 1, kMost);
  const pid_t child = Fork([] {
    for (;;) pause();
  });
  for (long i = 0; i < count; ++i) {
    Succeed(static_cast<int>(ptrace(PTRACE_ATTACH, child, nullptr, nullptr)), "PTRACE_ATTACH");
    if (!WIFSTOPPED(Wait(child))) Die("the traced child did not stop");
    Succeed(static_cast<int>(ptrace(PTRACE_DETACH, child, nullptr, nullptr)), "PTRACE_DETACH");
  }
  kill(child, SIGKILL);
  Wait(child);
}

void Comm(Arguments arguments) {
  const long count = Number(arguments[0], 1, kMost);
  for (long i = 0; i < count; ++i) prctl(PR_SET_NAME, i % 2 == 0 ? "even" : "odd");
}

// Under a name of its own it is the first program of a chain, gone before anyone can ask for it.
void Become(Arguments arguments) {
  execv(arguments[0], arguments.data());
  Die(arguments[0]);
}

void RenameSelf(Arguments arguments) {
  prctl(PR_SET_NAME, "newname");
  usleep(static_cast<useconds_t>(Number(arguments[0], 0, kMost)));
}

void CommFlood(Arguments arguments) {
  const long calls =
      Flood(Number(arguments[0], 1, 64), static_cast<double>(Number(arguments[1], 1, 60)),
            [] { prctl(PR_SET_NAME, "flood"); });
  std::cout << "calls=" << calls << '\n';
}

constexpr Command kCommands[] = {
    {"uid", "COUNT", "COUNT times: effective uid to nobody and back to root", 1, 1, Uid},
    {"gid", "COUNT", "COUNT times: effective gid to nobody and back to root", 1, 1, Gid},
    {"sid", "COUNT", "COUNT processes that start a session", 1, 1, Sid},
    {"ptrace", "COUNT", "COUNT times: attach to a child and detach", 1, 1, Ptrace},
    {"comm", "COUNT", "COUNT renamings", 1, 1, Comm},
    {"become", "PROGRAM", "execs the program at once", 1, 1, Become},
    {"rename-self", "MICROSECONDS", "renames itself to newname and lives so long", 1, 1,
     RenameSelf},
    {"comm-flood", "PROCESSES SECONDS", "unprivileged PROCESSES rename themselves; prints calls", 2,
     2, CommFlood},
};

}  // namespace

std::span<const Command> AttributeCommands() { return kCommands; }

}  // namespace cnproc::workload
