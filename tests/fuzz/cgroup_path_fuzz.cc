// SPDX-License-Identifier: Apache-2.0
// Any process that may make cgroups chooses their names, so their paths are hostile input.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "collectors/process/cgroup_path.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const cnproc::CgroupIdentity identity = cnproc::IdentifyCgroup(text, "containerd");
  // A container always has a runtime, and a pod never comes without a container.
  if (identity.container_id.empty() != identity.runtime.empty()) std::abort();
  if (identity.container_id.empty() && !identity.pod_uid.empty()) std::abort();
  if (identity.unit.find('/') != std::string_view::npos) std::abort();
  cnproc::IdentifyCgroupPath(text, "containerd");
  (void)cnproc::FindPidsCgroup(text);
  return 0;
}
