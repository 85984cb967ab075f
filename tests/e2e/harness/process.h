// SPDX-License-Identifier: Apache-2.0
// Child processes of a test: started with a bound on their time, never left behind.
#ifndef CNPROC_TESTS_E2E_HARNESS_PROCESS_H_
#define CNPROC_TESTS_E2E_HARNESS_PROCESS_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/e2e/harness/clock.h"

namespace cnproc::e2e {

using Command = std::vector<std::string>;

struct SpawnOptions {
  bool as_nobody = false;  // no user, group or capability; the program need not be reachable
  // Numbers of linux/capability.h that it shall not have, though it is root.
  std::vector<int> without_capabilities = {};
  int namespaces = 0;  // CLONE_NEW* flags
  int stdin_fd = -1;   // -1: /dev/null
  int stdout_fd = -1;
  int stderr_fd = -1;
};

// One child; killed and reaped at the end of its scope. Not thread safe.
class Process {
 public:
  // Throws HarnessError when the program cannot be started.
  Process(const Command& command, const SpawnOptions& options);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  void Signal(int signal) const;

  // The wait status, or nothing while it still runs.
  std::optional<int> Poll();

  // The wait status; throws when the time (stretched by Patience) is over.
  int Wait(milliseconds limit);

 private:
  pid_t pid_ = -1;
  std::optional<int> status_;
};

struct Result {
  int status = 0;  // as wait(2) gives it
  std::string out;
  std::string err;

  int ExitCode() const;  // -1 if it did not exit
};

// Runs a program to its end and returns what it wrote.
Result RunProgram(const Command& command, const SpawnOptions& options = {},
                  milliseconds limit = seconds(60));

// The same for a program that reads its standard input.
Result RunWithInput(const Command& command, const std::string& input);

// A folder that is removed with its content; everyone may read it, nobody may write in it but its
// owner.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  std::string Path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

std::string ReadFile(const std::string& path);
void WriteFile(const std::string& path, const std::string& content);

}  // namespace cnproc::e2e

#endif  // CNPROC_TESTS_E2E_HARNESS_PROCESS_H_
