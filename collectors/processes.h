// SPDX-License-Identifier: Apache-2.0
#ifndef CNPROC_COLLECTORS_PROCESSES_H_
#define CNPROC_COLLECTORS_PROCESSES_H_

#include <memory>

#include "collectors/collector.h"

namespace cnproc {

// What processes of the whole host do: forks, execs, ends, lifetimes, limits.
std::unique_ptr<Collector> CreateProcessesCollector(const CollectorContext& context);

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PROCESSES_H_
