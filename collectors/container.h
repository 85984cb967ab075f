// SPDX-License-Identifier: Apache-2.0
#ifndef CNPROC_COLLECTORS_CONTAINER_H_
#define CNPROC_COLLECTORS_CONTAINER_H_

#include <memory>

#include "collectors/collector.h"

namespace cnproc {

// What the processes of each container do, and what runs it.
std::unique_ptr<Collector> CreateContainerCollector(const CollectorContext& context);

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_CONTAINER_H_
