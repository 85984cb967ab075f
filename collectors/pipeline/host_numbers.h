// SPDX-License-Identifier: Apache-2.0
// The numbers of the host that every page has beside those of the stream.
#ifndef CNPROC_COLLECTORS_PIPELINE_HOST_NUMBERS_H_
#define CNPROC_COLLECTORS_PIPELINE_HOST_NUMBERS_H_

#include <cstdint>
#include <optional>

#include "collectors/cut.h"
#include "collectors/kernel/procfs.h"

namespace cnproc {

// Thread safe: scrapes read in their own threads, before they ask for a cut.
class HostNumbersReader {
 public:
  // Begins to count OOM kills. Without a procfs (a replay) nothing is ever read.
  explicit HostNumbersReader(std::optional<ProcFs> procfs);

  // `fork_baseline`: forks by /proc/stat when counting began, if that is known.
  HostNumbers Read(std::optional<uint64_t> fork_baseline) const;

 private:
  const std::optional<ProcFs> procfs_;
  const std::optional<uint64_t> oom_kills_at_start_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PIPELINE_HOST_NUMBERS_H_
