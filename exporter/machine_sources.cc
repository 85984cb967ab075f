// SPDX-License-Identifier: Apache-2.0
#include "exporter/machine_sources.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"

namespace cnproc {
namespace {

constexpr char kKernelLog[] = "/dev/kmsg";

}  // namespace

bool IsEnabled(const Options& options, std::string_view collector) {
  return std::any_of(options.collectors.begin(), options.collectors.end(),
                     [collector](const CollectorSpec* spec) { return spec->name == collector; });
}

MachineSources OpenMachine(const Options& options) {
  MachineSources machine;
  if (!options.replay_file.empty()) {
    const absl::Status absent = absl::UnavailableError("a recording of the connector has none");
    machine.processes = absent;
    machine.exit_records = absent;
    machine.kernel_log = absent;
    return machine;
  }
  const bool names = IsEnabled(options, "program") || IsEnabled(options, "lineage");
  const bool cgroups = IsEnabled(options, "unit") || IsEnabled(options, "container");
  if (names || cgroups) {
    machine.processes = ProcessReader::Open(
        options.procfs_root,
        {.comm = names, .cgroup = cgroups, .kubelet_runtime = options.kubelet_runtime});
  }
  if (cgroups) machine.refusals.emplace(CgroupFs(options.cgroupfs_root));
  if (IsEnabled(options, "taskstats")) {
    machine.exit_records = TaskstatsSocket::Open(
        static_cast<uint32_t>(std::min<uint64_t>(options.receive_buffer_bytes, INT32_MAX / 2)),
        options.network_namespace);
  }
  if (IsEnabled(options, "oom")) machine.kernel_log = KmsgReader::Open(kKernelLog);
  return machine;
}

}  // namespace cnproc
