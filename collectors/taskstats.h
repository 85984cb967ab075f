// SPDX-License-Identifier: Apache-2.0
#ifndef CNPROC_COLLECTORS_TASKSTATS_H_
#define CNPROC_COLLECTORS_TASKSTATS_H_

#include <memory>

#include "collectors/collector.h"

namespace cnproc {

// The CPU and memory of ended processes, by their exit records.
std::unique_ptr<Collector> CreateTaskstatsCollector(const CollectorContext& context);

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_TASKSTATS_H_
