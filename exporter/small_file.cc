// SPDX-License-Identifier: Apache-2.0
#include "exporter/small_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "collectors/base/unique_fd.h"

namespace cnproc {
namespace {

constexpr size_t kMaxBytes = size_t{1} << 20;
constexpr std::chrono::seconds kPipePatience{2};

absl::Status Bad(const std::string& path, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", why));
}

absl::Status Unreadable(const std::string& path) {
  return Bad(path, absl::StrCat("cannot be read: ", std::strerror(errno)));
}

bool IsPipe(int fd) {
  struct stat status = {};
  return fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
}

absl::StatusOr<std::string> ReadAll(int fd, const std::string& path) {
  using Clock = std::chrono::steady_clock;
  const bool pipe = IsPipe(fd);
  const auto deadline = Clock::now() + kPipePatience;
  std::string content;
  while (content.size() <= kMaxBytes) {
    pollfd readable = {.fd = fd, .events = POLLIN, .revents = 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    const int patience_ms = static_cast<int>(std::max<int64_t>(left.count(), 0));
    if (pipe && poll(&readable, 1, patience_ms) == 0) {
      return Bad(path, "cannot be read: the pipe was not closed within 2 s");
    }
    char chunk[4096];
    const ssize_t got = read(fd, chunk, sizeof(chunk));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Unreadable(path);
    if (got > 0) {
      content.append(chunk, static_cast<size_t>(got));
      continue;
    }
    // What wrote it has failed, most likely: it must not pass for a file that asks for nothing.
    if (pipe && content.empty()) return Bad(path, "the pipe was closed without a byte");
    return content;
  }
  return Bad(path, "is larger than 1 MiB");
}

}  // namespace

absl::StatusOr<std::string> ReadSmallFile(const std::string& path) {
  // A pipe without a writer must not hold up the start.
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return Unreadable(path);
  return ReadAll(file.get(), path);
}

}  // namespace cnproc
