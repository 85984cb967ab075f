// SPDX-License-Identifier: Apache-2.0
#ifndef CNPROC_COLLECTORS_STREAM_H_
#define CNPROC_COLLECTORS_STREAM_H_

#include <memory>

#include "collectors/collector.h"

namespace cnproc {

// The stream itself: is it whole, how late is it. Always on.
std::unique_ptr<Collector> CreateStreamCollector(const CollectorContext& context);

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_STREAM_H_
