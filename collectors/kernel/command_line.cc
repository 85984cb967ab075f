// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/command_line.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "collectors/base/time.h"
#include "collectors/base/unique_fd.h"
#include "collectors/kernel/read_file.h"

namespace cnproc {

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
  const UniqueFd file = OpenToRead(procfs_directory, absl::StrCat(tgid, "/cmdline").c_str());
  if (!file) return std::nullopt;
  std::string text;
  size_t end = kCommandLineBytesAlways;
  bool good = AppendFrom(file, end, text);
  // Most are shorter, and cost no look at the clock.
  while (good && text.size() == end && end < kMaxCommandLineBytes) {
    const size_t more = budget.Take(std::min(end, kMaxCommandLineBytes - end), MonotonicNs());
    if (more == 0) break;
    end += more;
    good = AppendFrom(file, more, text);
  }
  if (!good) return std::nullopt;
  return text;
}

}  // namespace cnproc
