// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/small_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace cnproc {

absl::StatusOr<std::string> ReadSmallFile(const std::string& path) {
  constexpr size_t kMaxBytes = size_t{1} << 20;
  const auto unreadable = [&path] {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": cannot be read: ", std::strerror(errno)));
  };
  // A pipe without a writer must not hold up the start.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return unreadable();
  std::string content;
  char chunk[4096];
  ssize_t got = 0;
  while (content.size() <= kMaxBytes && (got = read(fd, chunk, sizeof(chunk))) > 0) {
    content.append(chunk, static_cast<size_t>(got));
  }
  absl::Status status;
  if (got < 0) status = unreadable();
  if (content.size() > kMaxBytes) {
    status = absl::InvalidArgumentError(absl::StrCat(path, ": is larger than 1 MiB"));
  }
  close(fd);
  if (!status.ok()) return status;
  return content;
}

}  // namespace cnproc
