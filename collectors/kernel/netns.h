// SPDX-License-Identifier: Apache-2.0
#ifndef CNPROC_COLLECTORS_KERNEL_NETNS_H_
#define CNPROC_COLLECTORS_KERNEL_NETNS_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace cnproc {

// Runs `open_there` in the network namespace of `path` (as /proc/1/ns/net; empty = the caller's
// own) and returns what it returned. A socket stays in the namespace that it was opened in. An
// error of the namespace itself says what to do.
absl::Status RunInNetworkNamespace(const std::string& path,
                                   absl::FunctionRef<absl::Status()> open_there);

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_NETNS_H_
