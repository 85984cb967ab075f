// SPDX-License-Identifier: Apache-2.0
#ifndef CNPROC_COLLECTORS_WHO_CONTAINER_RUNTIME_H_
#define CNPROC_COLLECTORS_WHO_CONTAINER_RUNTIME_H_

#include <algorithm>
#include <array>
#include <string_view>

#include "collectors/base/text_scan.h"

namespace cnproc {

// Whether a program of this name sets up containers. A runtime enters the container's cgroup before
// it becomes the container's program: what it does there is the host's work.
inline bool IsContainerRuntime(std::string_view comm) {
  constexpr std::array<std::string_view, 4> kRuntimes = {"crun", "runc", "runsc", "youki"};
  return std::find(kRuntimes.begin(), kRuntimes.end(), comm) != kRuntimes.end();
}

// A runtime may execute itself again, by /proc/self/exe or by a descriptor: these are the names
// that it has then. A container's program may be called so, too.
inline bool IsNameOfCopy(std::string_view comm) {
  return comm == "exe" || (ConsumeDigits(comm) && comm.empty());
}

// Whether /proc/PID/exe is that of a runtime: its file, a copy of it in memory
// ("/memfd:runc_cloned:/proc/self/exe (deleted)"), or one that is mounted by itself ("/").
inline bool IsFileOfRuntime(std::string_view exe) {
  if (ConsumePrefix(exe, "/memfd:")) {
    return IsContainerRuntime(exe.substr(0, exe.find_first_of(":_ ")));
  }
  ConsumeSuffix(exe, " (deleted)");
  return exe == "/" || IsContainerRuntime(exe.substr(exe.rfind('/') + 1));
}

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_WHO_CONTAINER_RUNTIME_H_
