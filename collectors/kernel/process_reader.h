// SPDX-License-Identifier: Apache-2.0
// Reads from /proc who a process is, at the moment of its exec: a millisecond later it may be gone.
#ifndef CNPROC_COLLECTORS_KERNEL_PROCESS_READER_H_
#define CNPROC_COLLECTORS_KERNEL_PROCESS_READER_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "collectors/kernel/command_line.h"
#include "collectors/process/event.h"
#include "collectors/process/process_facts.h"
#include "collectors/process/program_rules.h"

namespace cnproc {

// What is worth reading.
struct ProcessReaderOptions {
  bool comm = true;
  bool cgroup = true;
  std::string kubelet_runtime;  // see IdentifyCgroup
};

// Not thread safe.
class ProcessReader {
 public:
  static absl::StatusOr<ProcessReader> Open(const std::string& procfs_root,
                                            ProcessReaderOptions options);
  ~ProcessReader();
  ProcessReader(ProcessReader&& other) noexcept;
  ProcessReader& operator=(ProcessReader&& other) noexcept;

  // Three system calls for each file; none but comm's for a process that is gone. What cannot be
  // read is left empty.
  ProcessFacts Read(pid_t tgid, const ProgramRules& rules);

  // The same of a process whose comm and cgroup a scan has read.
  ProcessFacts Complete(const ProcessSnapshot& snapshot, const ProgramRules& rules);

 private:
  ProcessReader(int directory, ProcessReaderOptions options)
      : directory_(directory), options_(std::move(options)) {}

  std::shared_ptr<const CgroupFacts> Understand(std::string_view cgroup_text);

  int directory_;
  ProcessReaderOptions options_;
  CommandLineBudget budget_;
  // A host has many processes and few cgroups.
  absl::flat_hash_map<std::string, std::shared_ptr<const CgroupFacts>> cgroups_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_PROCESS_READER_H_
