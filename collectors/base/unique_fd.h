// SPDX-License-Identifier: Apache-2.0
#ifndef CNPROC_COLLECTORS_BASE_UNIQUE_FD_H_
#define CNPROC_COLLECTORS_BASE_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace cnproc {

// Owns a file descriptor. Not thread safe.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  ~UniqueFd() { Reset(); }
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) Reset(std::exchange(other.fd_, -1));
    return *this;
  }

  // -1 where there is none.
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void Reset(int fd = -1) {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_BASE_UNIQUE_FD_H_
