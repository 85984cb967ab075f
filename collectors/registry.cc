// SPDX-License-Identifier: Apache-2.0
#include "collectors/registry.h"

#include <array>

namespace cnproc {

std::span<const CollectorSpec> CollectorSpecs() {
  static constexpr std::array kSpecs = {
      CollectorSpec{.name = "stream",
                    .help = "events received, lost and audited",
                    .enabled = CollectorSpec::Default::kAlways,
                    .create = &CreateStreamCollector},
      CollectorSpec{.name = "processes",
                    .help = "forks, execs, exits, lifetimes and limits of the host",
                    .create = &CreateProcessesCollector,
                    .reads_processes = true},
      CollectorSpec{.name = "program",
                    .help = "what the processes of each program do",
                    .create = &CreateProgramCollector,
                    .reads_processes = true,
                    .dimension = Dimension::kProgram},
      CollectorSpec{.name = "unit",
                    .help = "what the processes of each unit of systemd do",
                    .create = &CreateUnitCollector,
                    .reads_processes = true,
                    .dimension = Dimension::kUnit},
      CollectorSpec{.name = "container",
                    .help = "what the processes of each container do",
                    .create = &CreateContainerCollector,
                    .reads_processes = true,
                    .dimension = Dimension::kContainer},
      CollectorSpec{.name = "user",
                    .help = "what the processes of each user start",
                    .create = &CreateUserCollector,
                    .reads_processes = true,
                    .dimension = Dimension::kUser},
      CollectorSpec{.name = "lineage",
                    .help = "which program started which",
                    .enabled = CollectorSpec::Default::kOff,
                    .create = &CreateLineageCollector,
                    .reads_processes = true,
                    .dimension = Dimension::kProgram},
      CollectorSpec{.name = "taskstats",
                    .help = "CPU and memory of ended processes, by their exit records",
                    .create = &CreateTaskstatsCollector},
      CollectorSpec{.name = "oom",
                    .help = "processes that the kernel killed for want of memory",
                    .create = &CreateOomCollector},
      CollectorSpec{.name = "usage",
                    .help = "CPU of all processes, living and ended",
                    .create = &CreateUsageCollector,
                    .reads_processes = true},
  };
  return kSpecs;
}

}  // namespace cnproc
