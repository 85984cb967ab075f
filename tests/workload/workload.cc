// SPDX-License-Identifier: Apache-2.0
#include "tests/workload/workload.h"

#include <grp.h>
#include <linux/limits.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <iostream>

namespace cnproc::workload {

void Die(const std::string& what) {
  std::cerr << "cnproc_workload: " << what << ": " << std::strerror(errno) << '\n';
  std::exit(1);
}

long Number(const char* text, long minimum, long maximum) {
  char* end = nullptr;
  const long number = std::strtol(text, &end, 10);
  if (*text == '\0' || *end != '\0' || number < minimum || number > maximum) {
    std::cerr << "cnproc_workload: " << text << " is no number from " << minimum << " to "
              << maximum << '\n';
    std::exit(2);
  }
  return number;
}

pid_t Fork(const std::function<void()>& body) {
  const pid_t pid = fork();
  if (pid < 0) Die("fork");
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    body();
    _exit(0);
  }
  return pid;
}

int Wait(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) Die("waitpid");
  }
  return status;
}

namespace {

void DropPrivileges() {
  if (getuid() != 0) return;
  if (setgroups(0, nullptr) != 0) Die("setgroups");
  if (setresgid(kNobody, kNobody, kNobody) != 0) Die("setresgid");
  if (setresuid(kNobody, kNobody, kNobody) != 0) Die("setresuid");
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // forgotten when credentials change
}

}  // namespace

long Flood(long processes, double seconds, void (*call)()) {
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
        for (int n = 0; n < 100; ++n) call();
        made += 100;
      }
      *calls += made;
    }));
  }
  for (const pid_t child : children) Wait(child);
  return calls->load();
}

void PinTo(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof(set), &set) != 0) Die("sched_setaffinity");
}

double Seconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

std::string TinyProgram() {
  std::array<char, PATH_MAX> self{};
  const ssize_t length = readlink("/proc/self/exe", self.data(), self.size() - 1);
  if (length <= 0) Die("readlink /proc/self/exe");
  const std::string path(self.data(), static_cast<size_t>(length));
  return path.substr(0, path.rfind('/')) + "/cnproc_tiny";
}

std::vector<char*> TinyArguments(std::string& path, int code) {
  static char argument[] = "x";
  std::vector<char*> arguments(static_cast<size_t>(code) + 1, argument);
  arguments.front() = path.data();
  arguments.push_back(nullptr);
  return arguments;
}

}  // namespace cnproc::workload
