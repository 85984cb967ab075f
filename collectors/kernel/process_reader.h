// SPDX-License-Identifier: Apache-2.0
// Reads from /proc who a process is, at the moment of its exec: a millisecond later it may be gone.
// Hands out bytes; what they say of programs is for others to know.
#ifndef CNPROC_COLLECTORS_KERNEL_PROCESS_READER_H_
#define CNPROC_COLLECTORS_KERNEL_PROCESS_READER_H_

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "collectors/base/unique_fd.h"
#include "collectors/kernel/command_line.h"
#include "collectors/process/event.h"
#include "collectors/process/process_bytes.h"
#include "collectors/process/process_facts.h"

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

  // The files of one process, each read when it is asked for, in three system calls. Valid as long
  // as the reader.
  class Files final : public ProcessBytes {
   public:
    Files(int directory, pid_t tgid, CommandLineBudget& budget)
        : directory_(directory), tgid_(tgid), budget_(&budget) {}

   private:
    std::optional<std::string> Read(RuleInput input) override;
    std::optional<std::string> ReadComm() const;
    std::optional<std::string> ReadExe() const;
    std::optional<std::string> ReadCmdline() const;
    std::optional<std::string> ReadCgroup() const;

    int directory_;
    pid_t tgid_;
    CommandLineBudget* budget_;
  };
  Files FilesOf(pid_t tgid) { return {directory_.get(), tgid, budget_}; }
  // Of a process whose comm and cgroup a scan has read.
  Files FilesOf(const ProcessSnapshot& snapshot);

  // Null where nobody asked, and where it cannot be read.
  std::shared_ptr<const CgroupFacts> CgroupOf(Files& files);

  const ProcessReaderOptions& options() const { return options_; }

 private:
  ProcessReader(UniqueFd directory, ProcessReaderOptions options)
      : directory_(std::move(directory)), options_(std::move(options)) {}

  std::shared_ptr<const CgroupFacts> Understand(std::string_view cgroup_text);

  UniqueFd directory_;  // the root of procfs
  ProcessReaderOptions options_;
  CommandLineBudget budget_;
  // A host has many processes and few cgroups.
  absl::flat_hash_map<std::string, std::shared_ptr<const CgroupFacts>> cgroups_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_PROCESS_READER_H_
