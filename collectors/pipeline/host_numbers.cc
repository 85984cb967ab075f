// SPDX-License-Identifier: Apache-2.0
#include "collectors/pipeline/host_numbers.h"

#include <utility>

#include "absl/status/statusor.h"

namespace cnproc {
namespace {

std::optional<uint64_t> NumberOf(const absl::StatusOr<uint64_t>& read) {
  return read.ok() ? std::make_optional(*read) : std::nullopt;
}

// By how much a counter of the kernel has grown.
std::optional<uint64_t> Since(std::optional<uint64_t> now, std::optional<uint64_t> then) {
  if (!now || !then) return std::nullopt;
  return *now - *then;
}

}  // namespace

HostNumbersReader::HostNumbersReader(std::optional<ProcFs> procfs)
    : procfs_(std::move(procfs)),
      oom_kills_at_start_(procfs_ ? NumberOf(procfs_->OomKills()) : std::nullopt) {}

HostNumbers HostNumbersReader::Read(std::optional<uint64_t> fork_baseline) const {
  if (!procfs_) return {};
  HostNumbers host;
  if (fork_baseline) host.kernel_forks = Since(NumberOf(procfs_->TotalForks()), fork_baseline);
  if (oom_kills_at_start_) {
    host.oom_kills = Since(NumberOf(procfs_->OomKills()), oom_kills_at_start_);
  }
  host.tasks = NumberOf(procfs_->Tasks());
  host.pid_max = NumberOf(procfs_->PidMax());
  host.threads_max = NumberOf(procfs_->ThreadsMax());
  return host;
}

}  // namespace cnproc
