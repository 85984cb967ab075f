// SPDX-License-Identifier: Apache-2.0
// Any bytes as a recording: opened, checked and replayed to its end.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "collectors/kernel/replay.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const int fd = memfd_create("recording", MFD_CLOEXEC);
  if (fd < 0) return 0;
  if (write(fd, data, size) == static_cast<ssize_t>(size)) {
    auto replay = cnproc::Replay::Open({.path = "/proc/self/fd/" + std::to_string(fd), .speed = 0});
    while (replay.ok() && (*replay)->Ended().ok()) {
      for (const auto socket :
           {cnproc::SocketId::kAttribute, cnproc::SocketId::kLife, cnproc::SocketId::kComm}) {
        if (!(*replay)->Read(socket).ok()) __builtin_trap();
      }
    }
  }
  close(fd);
  return 0;
}
