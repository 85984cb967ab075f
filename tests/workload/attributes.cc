// SPDX-License-Identifier: Apache-2.0
// What processes change about themselves and each other.
#include <grp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <iostream>
#include <vector>

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

void DropPrivileges() {
  if (getuid() != 0) return;
  Succeed(setgroups(0, nullptr), "setgroups");
  Succeed(setresgid(kNobody, kNobody, kNobody), "setresgid");
  Succeed(setresuid(kNobody, kNobody, kNobody), "setresuid");
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // forgotten when credentials change
}

void CommFlood(Arguments arguments) {
  const long processes = Number(arguments[0], 1, 64);
  const auto seconds = static_cast<double>(Number(arguments[1], 1, 60));
  void* shared = mmap(nullptr, sizeof(std::atomic<long>), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) Die("mmap");
  auto* calls = new (shared) std::atomic<long>(0);
  std::vector<pid_t> children;
  for (long i = 0; i < processes; ++i) {
    children.push_back(Fork([=] {
      DropPrivileges();
      const double end = Seconds() + seconds;
      long made = 0;
      while (Seconds() < end) {
        for (int n = 0; n < 100; ++n) prctl(PR_SET_NAME, "flood");
        made += 100;
      }
      *calls += made;
    }));
  }
  for (const pid_t child : children) Wait(child);
  std::cout << "calls=" << calls->load() << '\n';
}

constexpr Command kCommands[] = {
    {"uid", "COUNT", "COUNT times: effective uid to nobody and back to root", 1, 1, Uid},
    {"gid", "COUNT", "COUNT times: effective gid to nobody and back to root", 1, 1, Gid},
    {"sid", "COUNT", "COUNT processes that start a session", 1, 1, Sid},
    {"ptrace", "COUNT", "COUNT times: attach to a child and detach", 1, 1, Ptrace},
    {"comm", "COUNT", "COUNT renamings", 1, 1, Comm},
    {"comm-flood", "PROCESSES SECONDS", "unprivileged PROCESSES rename themselves; prints calls", 2,
     2, CommFlood},
};

}  // namespace

std::span<const Command> AttributeCommands() { return kCommands; }

}  // namespace cnproc::workload
