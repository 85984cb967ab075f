// SPDX-License-Identifier: Apache-2.0
#include "collectors/registry.h"

#include <array>

#include "collectors/processes.h"
#include "collectors/stream.h"

namespace cnproc {

std::span<const CollectorSpec> CollectorSpecs() {
  static constexpr std::array kSpecs = {
      CollectorSpec{.name = "stream",
                    .help = "events received, lost and audited",
                    .enabled = CollectorSpec::Default::kAlways,
                    .create = &CreateStreamCollector},
      CollectorSpec{.name = "processes",
                    .help = "forks, execs, exits, lifetimes and limits of the host",
                    .create = &CreateProcessesCollector},
  };
  return kSpecs;
}

}  // namespace cnproc
