// SPDX-License-Identifier: Apache-2.0
// The label values that the exporter makes itself, which mean something else than a program or user
// of that name. Pure, thread safe.
#ifndef CNPROC_COLLECTORS_WHO_OWN_NAMES_H_
#define CNPROC_COLLECTORS_WHO_OWN_NAMES_H_

#include <string>
#include <string_view>

namespace cnproc {

inline constexpr std::string_view kKthreadName = "kthread";
inline constexpr std::string_view kUnknownName = "unknown";

inline bool IsOwnName(std::string_view name) {
  return name == kKthreadName || name == kUnknownName;
}

// What a program is called whose name is one of ours.
inline std::string Evaded(std::string_view name) { return std::string(name) + "_"; }

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_WHO_OWN_NAMES_H_
