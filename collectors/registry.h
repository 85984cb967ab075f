// SPDX-License-Identifier: Apache-2.0
// The one table of collectors.
#ifndef CNPROC_COLLECTORS_REGISTRY_H_
#define CNPROC_COLLECTORS_REGISTRY_H_

#include <memory>
#include <span>

#include "collectors/collector.h"

namespace cnproc {

// Sorted as pages list them. Static storage.
std::span<const CollectorSpec> CollectorSpecs();

// Each in a file of its own: a collector needs no header.
std::unique_ptr<Collector> CreateContainerCollector(const CollectorContext& context);
std::unique_ptr<Collector> CreateLineageCollector(const CollectorContext& context);
std::unique_ptr<Collector> CreateOomCollector(const CollectorContext& context);
std::unique_ptr<Collector> CreateProcessesCollector(const CollectorContext& context);
std::unique_ptr<Collector> CreateProgramCollector(const CollectorContext& context);
std::unique_ptr<Collector> CreateStreamCollector(const CollectorContext& context);
std::unique_ptr<Collector> CreateTaskstatsCollector(const CollectorContext& context);
std::unique_ptr<Collector> CreateUnitCollector(const CollectorContext& context);
std::unique_ptr<Collector> CreateUsageCollector(const CollectorContext& context);
std::unique_ptr<Collector> CreateUserCollector(const CollectorContext& context);

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_REGISTRY_H_
