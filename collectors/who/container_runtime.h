// SPDX-License-Identifier: Apache-2.0
#ifndef CNPROC_COLLECTORS_WHO_CONTAINER_RUNTIME_H_
#define CNPROC_COLLECTORS_WHO_CONTAINER_RUNTIME_H_

#include <algorithm>
#include <array>
#include <string_view>

#include "collectors/base/text_scan.h"

namespace cnproc {

// Whether a process that executes this sets up a container. A runtime enters the container's cgroup
// before it becomes the container's program: what it does there is the host's work. `was_one`: the
// process did until now; runc executes itself again, as "exe" or by a descriptor's number.
inline bool IsContainerRuntime(std::string_view comm, bool was_one) {
  constexpr std::array<std::string_view, 4> kRuntimes = {"crun", "runc", "runsc", "youki"};
  if (std::find(kRuntimes.begin(), kRuntimes.end(), comm) != kRuntimes.end()) return true;
  return was_one && (comm == "exe" || (ConsumeDigits(comm) && comm.empty()));
}

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_WHO_CONTAINER_RUNTIME_H_
