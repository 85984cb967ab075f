// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/capability.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace cnproc {
namespace {

static_assert(kCapSysAdmin == CAP_SYS_ADMIN && kCapPerfmon == CAP_PERFMON);

// The C library has no wrapper.
struct Capabilities {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};

  bool Read() { return syscall(SYS_capget, &header, data.data()) == 0; }
  bool Write() { return syscall(SYS_capset, &header, data.data()) == 0; }
};

}  // namespace

bool HasCapability(int capability) {
  Capabilities own;
  if (!own.Read()) return false;
  return (own.data[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability)) != 0;
}

absl::Status GiveUpCapability(int capability) {
  Capabilities own;
  if (!own.Read()) return absl::ErrnoToStatus(errno, "capget");
  __user_cap_data_struct& data = own.data[CAP_TO_INDEX(capability)];
  // What is not permitted and inheritable cannot be ambient: the kernel takes it out there too.
  data.effective &= ~CAP_TO_MASK(capability);
  data.permitted &= ~CAP_TO_MASK(capability);
  data.inheritable &= ~CAP_TO_MASK(capability);
  return own.Write() ? absl::OkStatus() : absl::ErrnoToStatus(errno, "capset");
}

}  // namespace cnproc
