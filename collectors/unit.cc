// SPDX-License-Identifier: Apache-2.0
#include "collectors/dimension_collector.h"
#include "collectors/registry.h"

namespace cnproc {

std::unique_ptr<Collector> CreateUnitCollector(const CollectorContext& context) {
  return std::make_unique<DimensionCollector>(context, Dimension::kUnit);
}

}  // namespace cnproc
