// SPDX-License-Identifier: Apache-2.0
#ifndef CNPROC_COLLECTORS_LINEAGE_H_
#define CNPROC_COLLECTORS_LINEAGE_H_

#include <memory>

#include "collectors/collector.h"

namespace cnproc {

// Which program started which.
std::unique_ptr<Collector> CreateLineageCollector(const CollectorContext& context);

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_LINEAGE_H_
