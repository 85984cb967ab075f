// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstring>
#include <iomanip>
#include <iostream>

#include "tests/workload/workload.h"

namespace cnproc::workload {
namespace {

// Longer than any test needs, short enough that nothing is left running on a machine.
constexpr unsigned kLongestRunSeconds = 300;

constexpr std::span<const Command> (*kThemes[])() = {
    LifeCommands,      GroupCommands,   IdCommands, StormCommands,
    AttributeCommands, NetlinkCommands, CpuCommands};

void PrintUsage(std::ostream& out) {
  out << "Makes known numbers of kernel events, to test cnproc_exporter.\n"
         "usage: cnproc_workload COMMAND [ARGUMENT...]\n\n"
      << std::left;
  for (const auto theme : kThemes) {
    for (const Command& command : theme()) {
      out << "  " << std::setw(19) << command.name << std::setw(24) << command.arguments
          << command.meaning << '\n';
    }
  }
}

const Command* Find(const char* name) {
  for (const auto theme : kThemes) {
    for (const Command& command : theme()) {
      if (std::strcmp(command.name, name) == 0) return &command;
    }
  }
  return nullptr;
}

int Run(std::span<char* const> words) {
  if (words.size() > 1 && std::strcmp(words[1], "--help") == 0) {
    PrintUsage(std::cout);
    return 0;
  }
  const Command* command = words.size() > 1 ? Find(words[1]) : nullptr;
  const Arguments arguments = words.subspan(words.size() > 1 ? 2 : words.size());
  if (command == nullptr || arguments.size() < command->minimum ||
      arguments.size() > command->maximum) {
    PrintUsage(std::cerr);
    return 2;
  }
  alarm(kLongestRunSeconds);
  command->run(arguments);
  return 0;
}

}  // namespace
}  // namespace cnproc::workload

int main(int argc, char** argv) { return cnproc::workload::Run({argv, static_cast<size_t>(argc)}); }
