// SPDX-License-Identifier: Apache-2.0
#include "collectors/unit.h"

#include "collectors/dimension.h"

namespace cnproc {

std::unique_ptr<Collector> CreateUnitCollector(const CollectorContext& context) {
  return std::make_unique<DimensionCollector>(context, Dimension::kUnit);
}

}  // namespace cnproc
