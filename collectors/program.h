// SPDX-License-Identifier: Apache-2.0
#ifndef CNPROC_COLLECTORS_PROGRAM_H_
#define CNPROC_COLLECTORS_PROGRAM_H_

#include <memory>

#include "collectors/collector.h"

namespace cnproc {

// What the processes of each program do.
std::unique_ptr<Collector> CreateProgramCollector(const CollectorContext& context);

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PROGRAM_H_
