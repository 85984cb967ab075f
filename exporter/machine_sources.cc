// SPDX-License-Identifier: Apache-2.0
#include "exporter/machine_sources.h"

#include <utility>

#include "absl/status/status.h"

namespace cnproc {
namespace {

constexpr char kKernelLog[] = "/dev/kmsg";

}  // namespace

SideInputs OpenMachine(const Options& options) {
  SideInputs machine;
  if (!options.replay_file.empty()) {
    machine.processes = absl::UnavailableError(
        "a recording has no /proc beside it: every program is unknown, and nobody is in a unit or "
        "container");
    machine.exit_records = absl::UnavailableError("a recording has no exit records beside it");
    machine.kernel_log = absl::UnavailableError("a recording has no kernel log beside it");
    return machine;
  }
  const bool names = options.IsEnabled("program") || options.IsEnabled("lineage");
  const bool cgroups = options.IsEnabled("unit") || options.IsEnabled("container");
  if (names || cgroups) {
    machine.processes = ProcessReader::Open(
        options.procfs_root,
        {.comm = names, .cgroup = cgroups, .kubelet_runtime = options.kubelet_runtime});
  }
  if (cgroups) machine.refusals.emplace(CgroupFs(options.cgroupfs_root));
  if (options.IsEnabled("taskstats")) {
    machine.exit_records =
        TaskstatsSocket::Open(options.receive_buffer_bytes, options.network_namespace);
  }
  if (options.IsEnabled("oom")) machine.kernel_log = KmsgReader::Open(kKernelLog);
  return machine;
}

}  // namespace cnproc
