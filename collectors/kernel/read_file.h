// SPDX-License-Identifier: Apache-2.0
// Reads the small files of /proc, /sys and the cgroup file systems. Thread safe.
#ifndef CNPROC_COLLECTORS_KERNEL_READ_FILE_H_
#define CNPROC_COLLECTORS_KERNEL_READ_FILE_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "collectors/base/unique_fd.h"

namespace cnproc {

// Opens a file to be read; `path` is relative to `directory`, or absolute. Nothing is owned where
// it cannot be opened: errno says why.
UniqueFd OpenToRead(int directory, const char* path);

// What one read(2) gives, which is the whole of a file that is shorter than `buffer` and that the
// kernel writes at once (/proc/PID/comm, pids.events). A view into `buffer`. Absent: errno says
// why.
std::optional<std::string_view> ReadOnce(const UniqueFd& file, std::span<char> buffer);

// Appends the next `bytes` bytes to `text`; fewer only at the end of the file. False: errno says
// why, and `text` is of no use.
bool AppendFrom(const UniqueFd& file, size_t bytes, std::string& text);

// The whole file, but at most 4 MiB of it. Errors have the code of errno and name the path.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path);

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_READ_FILE_H_
