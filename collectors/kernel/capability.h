// SPDX-License-Identifier: Apache-2.0
// Capabilities of the calling thread (capabilities(7)). Threads that it starts later have the same.
#ifndef CNPROC_COLLECTORS_KERNEL_CAPABILITY_H_
#define CNPROC_COLLECTORS_KERNEL_CAPABILITY_H_

#include "absl/status/status.h"

namespace cnproc {

// Numbers of linux/capability.h.
inline constexpr int kCapSysAdmin = 21;
inline constexpr int kCapPerfmon = 38;

// Whether it is in effect.
bool HasCapability(int capability);

// Gives it up for good: neither the thread nor a program that it executes as the same user gets it
// back.
absl::Status GiveUpCapability(int capability);

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_CAPABILITY_H_
