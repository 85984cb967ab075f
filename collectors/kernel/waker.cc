// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/waker.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "collectors/base/time.h"

namespace cnproc {

absl::StatusOr<Waker> Waker::Open() {
  UniqueFd fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) return absl::ErrnoToStatus(errno, "cannot make an eventfd for the collector thread");
  return Waker(std::move(fd));
}

void Waker::Wake() const {
  const uint64_t one = 1;
  // A full counter has woken the thread already.
  [[maybe_unused]] const ssize_t written = write(fd(), &one, sizeof(one));
}

void Waker::Clear() const {
  uint64_t wakes = 0;
  [[maybe_unused]] const ssize_t length = read(fd(), &wakes, sizeof(wakes));
}

bool Waker::Sleep(int64_t timeout_ns) const {
  pollfd waiting = {.fd = fd(), .events = POLLIN, .revents = 0};
  const timespec timeout = {.tv_sec = timeout_ns / kNsPerSecond,
                            .tv_nsec = timeout_ns % kNsPerSecond};
  return ppoll(&waiting, 1, &timeout, nullptr) > 0;
}

}  // namespace cnproc
