// SPDX-License-Identifier: Apache-2.0
// cnproc_workload makes known numbers of kernel events, so that tests can say what must be counted.
// Every command is bounded in count (the arguments) and in time (an alarm in main).
#ifndef CNPROC_TESTS_WORKLOAD_WORKLOAD_H_
#define CNPROC_TESTS_WORKLOAD_WORKLOAD_H_

#include <sys/types.h>

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace cnproc::workload {

using Arguments = std::span<char* const>;

struct Command {
  const char* name;
  const char* arguments;  // as --help shows them
  const char* meaning;    // what the kernel will have seen
  size_t minimum;         // number of arguments
  size_t maximum;
  void (*run)(Arguments arguments);
};

// Each theme brings its rows of the table of commands.
std::span<const Command> LifeCommands();
std::span<const Command> GroupCommands();
std::span<const Command> IdCommands();
std::span<const Command> StormCommands();
std::span<const Command> AttributeCommands();
std::span<const Command> NetlinkCommands();
std::span<const Command> CpuCommands();

// An id without rights, which every Linux has, whatever its name.
inline constexpr uid_t kNobody = 65534;

// Prints what failed and errno, and exits 1.
[[noreturn]] void Die(const std::string& what);

// The argument as a number within the bounds, or exits 2.
long Number(const char* text, long minimum, long maximum);

// Forks a child that runs body and exits with 0; it dies with its parent.
pid_t Fork(const std::function<void()>& body);

// Waits for that child and returns its wait status.
int Wait(pid_t pid);

// Lets so many children without any right make calls for so long; returns how many they made.
long Flood(long processes, double seconds, void (*call)());

// Binds the calling thread to one CPU.
void PinTo(int cpu);

double Seconds();  // CLOCK_MONOTONIC

// The static program beside this one which does nothing and exits with its number of arguments.
std::string TinyProgram();

// Arguments that make the tiny program exit with code; [0] is its path. Ends with a null pointer.
std::vector<char*> TinyArguments(std::string& path, int code);

}  // namespace cnproc::workload

#endif  // CNPROC_TESTS_WORKLOAD_WORKLOAD_H_
