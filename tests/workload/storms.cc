// SPDX-License-Identifier: Apache-2.0
// As many lives as the machine can make.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/workload/workload.h"

namespace cnproc::workload {
namespace {

constexpr long kMost = 10'000'000;

std::vector<int> Cpus(const char* list) {
  std::vector<int> cpus;
  std::istringstream words(list);
  for (std::string word; std::getline(words, word, ',');) {
    cpus.push_back(static_cast<int>(Number(word.c_str(), 0, CPU_SETSIZE - 1)));
  }
  return cpus;
}

// Runs one worker on each CPU, all released at once, and prints how fast they made count things.
void Race(const std::vector<int>& cpus, long count, const std::function<void(long)>& worker) {
  std::array<int, 2> gate{};
  if (pipe(gate.data()) != 0) Die("pipe");
  std::vector<pid_t> workers;
  const auto parts = static_cast<long>(cpus.size());
  for (long i = 0; i < parts; ++i) {
    workers.push_back(Fork([&, i] {
      PinTo(cpus[static_cast<size_t>(i)]);
      close(gate[1]);
      char byte = 0;
      if (read(gate[0], &byte, 1) < 0) Die("read");
      worker(count / parts + (i < count % parts ? 1 : 0));
    }));
  }
  usleep(20'000);  // all of them wait at the gate
  const double start = Seconds();
  close(gate[1]);
  for (const pid_t pid : workers) {
    if (Wait(pid) != 0) Die("a worker failed");
  }
  const double seconds = Seconds() - start;
  std::cout << "count=" << count << " seconds=" << seconds
            << " rate=" << static_cast<double>(count) / seconds << '\n';
}

void Storm(Arguments arguments) {
  Race(Cpus(arguments[1]), Number(arguments[0], 1, kMost), [](long count) {
    for (long i = 0; i < count; ++i) {
      const pid_t pid = fork();
      if (pid < 0) Die("fork");
      if (pid == 0) _exit(0);
      Wait(pid);
    }
  });
}

void Execs(Arguments arguments) {
  std::string path = TinyProgram();
  std::vector<char*> words = TinyArguments(path, 0);
  Race(Cpus(arguments[1]), Number(arguments[0], 1, kMost), [&](long count) {
    for (long i = 0; i < count; ++i) {
      pid_t pid = 0;
      errno = posix_spawn(&pid, path.c_str(), nullptr, nullptr, words.data(), environ);
      if (errno != 0) Die(path);
      Wait(pid);
    }
  });
}

constexpr Command kCommands[] = {
    {"storm", "COUNT CPU[,CPU...]", "COUNT forks, a forking process on each CPU; prints the rate",
     2, 2, Storm},
    {"execs", "COUNT CPU[,CPU...]", "COUNT runs of a tiny program; prints the rate", 2, 2, Execs},
};

}  // namespace

std::span<const Command> StormCommands() { return kCommands; }

}  // namespace cnproc::workload
