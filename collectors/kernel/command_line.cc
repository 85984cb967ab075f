// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/command_line.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "collectors/base/time.h"

namespace cnproc {
namespace {

// Appends up to so many bytes; less only at the end of the file.
bool Append(int fd, size_t bytes, std::string& text) {
  const size_t before = text.size();
  text.resize(before + bytes);
  size_t filled = before;
  while (filled < text.size()) {
    const ssize_t length = read(fd, text.data() + filled, text.size() - filled);
    if (length < 0) return false;
    if (length == 0) break;
    filled += static_cast<size_t>(length);
  }
  text.resize(filled);
  return true;
}

}  // namespace

size_t CommandLineBudget::Take(size_t bytes, int64_t now_ns) {
  constexpr int64_t kNsToFill = kBurstBytes / kBytesPerSecond * kNsPerSecond;
  const int64_t passed_ns = std::clamp<int64_t>(now_ns - filled_ns_, 0, kNsToFill);
  filled_ns_ = std::max(filled_ns_, now_ns);
  const auto earned = static_cast<size_t>(passed_ns / 1000) * kBytesPerSecond / 1'000'000;
  left_ = std::min(kBurstBytes, left_ + earned);
  const size_t taken = std::min(bytes, left_);
  left_ -= taken;
  return taken;
}

std::optional<std::string> ReadCommandLine(int procfs_directory, pid_t tgid,
                                           CommandLineBudget& budget) {
  const int fd =
      openat(procfs_directory, absl::StrCat(tgid, "/cmdline").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::string text;
  size_t end = kCommandLineBytesAlways;
  bool good = Append(fd, end, text);
  // Most are shorter, and cost no look at the clock.
  while (good && text.size() == end && end < kMaxCommandLineBytes) {
    const size_t more = budget.Take(std::min(end, kMaxCommandLineBytes - end), MonotonicNs());
    if (more == 0) break;
    end += more;
    good = Append(fd, more, text);
  }
  close(fd);
  if (!good) return std::nullopt;
  return text;
}

}  // namespace cnproc
