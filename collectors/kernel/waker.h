// SPDX-License-Identifier: Apache-2.0
// How other threads end the collector thread's sleep.
#ifndef CNPROC_COLLECTORS_KERNEL_WAKER_H_
#define CNPROC_COLLECTORS_KERNEL_WAKER_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "collectors/base/unique_fd.h"

namespace cnproc {

class Waker {
 public:
  static absl::StatusOr<Waker> Open();

  // Readable from Wake until Clear.
  int fd() const { return fd_.get(); }
  // Thread safe.
  void Wake() const;

  // These of the one thread that sleeps.
  void Clear() const;
  // Returns at once if it was woken since Clear; true if it was woken, false after `timeout_ns`.
  bool Sleep(int64_t timeout_ns) const;

 private:
  explicit Waker(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_WAKER_H_
