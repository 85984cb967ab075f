// SPDX-License-Identifier: Apache-2.0
// How collectors tell the operator something without knowing how it is written down.
#ifndef CNPROC_COLLECTORS_BASE_NOTIFY_H_
#define CNPROC_COLLECTORS_BASE_NOTIFY_H_

#include <cstdint>
#include <functional>
#include <string>

namespace cnproc {

enum class Severity : uint8_t { kDebug, kInfo, kWarn, kError };

// Called from any thread.
using Notify = std::function<void(Severity, const std::string&)>;

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_BASE_NOTIFY_H_
