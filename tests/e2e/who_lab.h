// SPDX-License-Identifier: Apache-2.0
// The base of the tests of who did it: programs under names of their own, in cgroups of their own.
// What others do on the machine meanwhile has other names.
#ifndef CNPROC_TESTS_E2E_WHO_LAB_H_
#define CNPROC_TESTS_E2E_WHO_LAB_H_

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tests/e2e/harness/lab.h"

namespace cnproc::e2e {

// A child of this process that runs body and exits with what it returns.
pid_t Fork(const std::function<int()>& body);
// The wait status.
int Wait(pid_t pid);
// Runs a program to its end. Returns the id that it had.
pid_t RunOnce(const std::string& path);

// A cgroup of the hierarchy that has this controller, v1's or v2's. Made with all that leads to it,
// and removed at the end of its scope.
class Cgroup {
 public:
  Cgroup(const std::string& controller, const std::string& path);
  ~Cgroup();
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;

  bool is_v1() const { return is_v1_; }
  bool Set(const std::string& file, const std::string& text) const;
  // Takes this process in.
  bool Enter() const;

 private:
  bool is_v1_ = false;
  std::filesystem::path directory_;
  std::vector<std::filesystem::path> made_;
};

// How much all series of this metric with this label grew: from 0, where there were none.
int64_t Growth(const Page& before, const Page& after, const std::string& metric,
               const std::string& label, const std::string& value);

// "cnproc_METRIC{LABEL="VALUE"}"
std::string Of(const std::string& metric, const std::string& label, const std::string& value);

class Who : public Lab {
 protected:
  void SetUp() override { Start(); }

  // The workload under another name.
  std::string Workload(const std::string& name) const;
  // A copy of the tiny program under another name.
  std::string Program(const std::string& name) const;
  std::string Script(const std::string& name, const std::string& commands) const;
  // A page that all that was done before is on.
  Page Settled();

  TempFolder folder_;
};

}  // namespace cnproc::e2e

#endif  // CNPROC_TESTS_E2E_WHO_LAB_H_
