// SPDX-License-Identifier: Apache-2.0
// The exporter under test: the real binary of the same build tree on a port of its own.
#ifndef CNPROC_TESTS_E2E_HARNESS_EXPORTER_H_
#define CNPROC_TESTS_E2E_HARNESS_EXPORTER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/harness/http.h"
#include "tests/e2e/harness/page.h"
#include "tests/e2e/harness/process.h"

namespace cnproc::e2e {

// Of the same build tree; CNPROC_EXPORTER and CNPROC_WORKLOAD in the environment name others.
std::string ExporterBinary();
std::string WorkloadBinary();

struct ExporterOptions {
  Command flags = {};
  bool as_nobody = false;
  std::vector<int> without_capabilities = {};
  int namespaces = 0;
  bool wait_until_ready = true;  // else: until it serves
};

// A running exporter. Stopped by SIGTERM at the end of its scope, and killed if that does not
// help. Not thread safe, but for Port, Fetch and Scrape.
class Exporter {
 public:
  explicit Exporter(const ExporterOptions& options = {});
  ~Exporter();
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;

  // SIGTERM or another signal, and the exit code: 0 for a clean end.
  int Stop(int signal = 15);

  uint16_t port() const { return port_; }
  pid_t pid() const { return process_->pid(); }
  Process& process() { return *process_; }

  HttpResponse Get(const HttpRequest& request = {}) const { return Fetch(port_, request); }
  HttpResponse Get(const std::string& path) const { return Fetch(port_, {.path = path}); }

  // A page in text format, parsed strictly.
  Page Scrape() const;

  // What it has logged so far.
  std::string Log() const;

 private:
  TempFolder folder_;
  uint16_t port_;
  std::unique_ptr<Process> process_;
};

// Runs the exporter with flags under which it shall end by itself.
Result RunExporter(const Command& flags, const SpawnOptions& options = {});

// Runs cnproc_workload with these arguments to its end; throws unless it succeeds. Returns what it
// printed.
std::string RunWorkload(const Command& arguments);

// The number after key= in what the workload printed.
double Printed(const std::string& out, const std::string& key);

// `cnproc_workload hold`: processes that live until Release or the end of the scope.
class HeldProcesses {
 public:
  HeldProcesses(int processes, int threads_each);
  ~HeldProcesses();
  HeldProcesses(const HeldProcesses&) = delete;
  HeldProcesses& operator=(const HeldProcesses&) = delete;

  void Release();  // and waits for their end

 private:
  int stdin_write_ = -1;
  std::unique_ptr<Process> process_;
};

}  // namespace cnproc::e2e

#endif  // CNPROC_TESTS_E2E_HARNESS_EXPORTER_H_
