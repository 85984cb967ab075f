// SPDX-License-Identifier: Apache-2.0
// The one table of collectors.
#ifndef CNPROC_COLLECTORS_REGISTRY_H_
#define CNPROC_COLLECTORS_REGISTRY_H_

#include <span>

#include "collectors/collector.h"

namespace cnproc {

// Sorted as pages list them. Static storage.
std::span<const CollectorSpec> CollectorSpecs();

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_REGISTRY_H_
