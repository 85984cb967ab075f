// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/usage_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "collectors/kernel/procfs.h"

namespace cnproc {
namespace {

// The line has 52 numbers and a comm: 370 bytes, mostly.
constexpr size_t kMaxStatBytes = 2048;

}  // namespace

UsageReader::UsageReader(UniqueFd directory)
    : directory_(std::move(directory)),
      ns_per_tick_(NsPerUserTick()),
      boottime_offset_ns_(BoottimeOffsetNs()) {}

absl::StatusOr<UsageReader> UsageReader::Open(const std::string& procfs_root) {
  UniqueFd directory(open(procfs_root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", procfs_root));
  return UsageReader(std::move(directory));
}

void UsageReader::AdjustClock() { boottime_offset_ns_ = BoottimeOffsetNs(); }

std::optional<UsageSample> UsageReader::Read(pid_t tgid) const {
  std::array<char, 32> path;
  std::snprintf(path.data(), path.size(), "%d/stat", tgid);
  const UniqueFd file(openat(directory_.get(), path.data(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::array<char, kMaxStatBytes> text;
  const ssize_t length = read(file.get(), text.data(), text.size());
  ParsedStat parsed;
  if (length <= 0 || !ParseStat({text.data(), static_cast<size_t>(length)}, ns_per_tick_,
                                boottime_offset_ns_, parsed)) {
    return std::nullopt;
  }
  const ProcessSnapshot& process = parsed.process;
  return UsageSample{.tgid = tgid, .start_ns = process.start_ns, .use = process.use};
}

}  // namespace cnproc
