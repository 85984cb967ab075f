// SPDX-License-Identifier: Apache-2.0
#include "tests/workload/workload.h"

#include <linux/limits.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
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
