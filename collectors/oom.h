// SPDX-License-Identifier: Apache-2.0
#ifndef CNPROC_COLLECTORS_OOM_H_
#define CNPROC_COLLECTORS_OOM_H_

#include <memory>

#include "collectors/collector.h"

namespace cnproc {

// Processes that the kernel killed for want of memory.
std::unique_ptr<Collector> CreateOomCollector(const CollectorContext& context);

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_OOM_H_
