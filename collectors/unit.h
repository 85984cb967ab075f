// SPDX-License-Identifier: Apache-2.0
#ifndef CNPROC_COLLECTORS_UNIT_H_
#define CNPROC_COLLECTORS_UNIT_H_

#include <memory>

#include "collectors/collector.h"

namespace cnproc {

// What the processes of each unit of systemd do.
std::unique_ptr<Collector> CreateUnitCollector(const CollectorContext& context);

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_UNIT_H_
