// SPDX-License-Identifier: Apache-2.0
// How a room says something to the operator without knowing how it is written down.
#ifndef CNPROC_COLLECTORS_BASE_LOG_SINK_H_
#define CNPROC_COLLECTORS_BASE_LOG_SINK_H_

#include <cstdint>
#include <functional>
#include <string>

namespace cnproc {

enum class Severity : uint8_t { kDebug, kInfo, kWarn, kError };

// Called from any thread.
using LogSink = std::function<void(Severity, const std::string&)>;

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_BASE_LOG_SINK_H_
