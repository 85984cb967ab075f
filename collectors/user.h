// SPDX-License-Identifier: Apache-2.0
#ifndef CNPROC_COLLECTORS_USER_H_
#define CNPROC_COLLECTORS_USER_H_

#include <memory>

#include "collectors/collector.h"

namespace cnproc {

// What the processes of each real user start.
std::unique_ptr<Collector> CreateUserCollector(const CollectorContext& context);

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_USER_H_
