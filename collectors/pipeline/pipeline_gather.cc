// SPDX-License-Identifier: Apache-2.0
// The side of the pipeline that scrapes see: how they get a cut from the collector thread.
#include <algorithm>
#include <array>
#include <chrono>

#include "collectors/base/time.h"
#include "collectors/metrics/family_writer.h"
#include "collectors/pipeline/pipeline.h"

namespace cnproc {
namespace {

constexpr int64_t kStalledNs = 10 * kNsPerSecond;
constexpr auto kCutPatience = std::chrono::milliseconds(100);
// Within this time every scrape that waits has copied; a stopped one must not stop the stream.
constexpr auto kCutWindow = std::chrono::milliseconds(20);

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

// The thread has just drained the sockets and waits, with the lock free, until the scrapes that
// asked before the round began have copied.
void Pipeline::OfferCut(uint64_t requested) {
  MutexLock lock(mutex_);
  if (requested <= cuts_served_) return;
  TellTime();
  cut_ = requested;
  cut_offered_.notify_all();
  const auto deadline = std::chrono::steady_clock::now() + kCutWindow;
  while (cuts_served_ < cut_) {
    if (cut_taken_.wait_until(mutex_, deadline) == std::cv_status::timeout) break;
  }
}

// Returns once the cut asked for is there, or patience has run out.
void Pipeline::AwaitCut() {
  const uint64_t wanted = ++cuts_requested_;
  Wake();
  const auto deadline = std::chrono::steady_clock::now() + kCutPatience;
  while (cut_ < wanted) {
    if (cut_offered_.wait_until(mutex_, deadline) == std::cv_status::timeout) break;
  }
}

void Pipeline::Gather(const std::function<bool(std::string_view)>& wanted, Families& families) {
  const HostNumbers host = ReadHostNumbers();
  {
    MutexLock lock(mutex_);
    AwaitCut();
    CollectAll(wanted, host, families);
    ++cuts_served_;
  }
  cut_taken_.notify_one();
}

void Pipeline::CollectAll(const std::function<bool(std::string_view)>& wanted,
                          const HostNumbers& host, Families& families) {
  const Cut cut{.stream = stats_,
                .processes = table_,
                .host = host,
                .machine = side_stats_,
                .up = stats_.subscribed && ready_.ok() && MakesProgress(),
                .receive_buffer_bytes = options_.receive_buffer_bytes,
                .unix_offset_ns = source_->UnixOffsetNs(),
                .start_time_seconds = start_time_seconds_};
  FamilyWriter durations = FamilyWriter::Gauge(families, "cnproc_scrape_collector_duration_seconds",
                                               "How long the collector took.");
  FamilyWriter successes =
      FamilyWriter::Gauge(families, "cnproc_scrape_collector_success",
                          "1 if the collector works, 0 if it was asked for and cannot.");
  for (const Enabled& enabled : collectors_) {
    if (!wanted(enabled.spec->name)) continue;
    const std::array labels = {LabelView{"collector", enabled.spec->name}};
    const auto start = std::chrono::steady_clock::now();
    enabled.collector->Collect(cut, families);
    durations.Add(SecondsSince(start), labels);
    successes.Add(Working(enabled).ok() ? 1 : 0, labels);
  }
}

HostNumbers Pipeline::ReadHostNumbers() const {
  HostNumbers host;
  if (!procfs_) return host;
  const auto read = [](const absl::StatusOr<uint64_t>& number) {
    return number.ok() ? std::optional<uint64_t>(*number) : std::nullopt;
  };
  const uint64_t fork_baseline = fork_baseline_;
  if (fork_baseline != kNoBaseline) {
    host.kernel_forks = read(procfs_->TotalForks());
    if (host.kernel_forks) *host.kernel_forks -= fork_baseline;
  }
  host.tasks = read(procfs_->Tasks());
  host.pid_max = read(procfs_->PidMax());
  host.threads_max = read(procfs_->ThreadsMax());
  if (oom_kills_at_start_) host.oom_kills = read(procfs_->OomKills());
  if (host.oom_kills) *host.oom_kills -= *oom_kills_at_start_;
  return host;
}

bool Pipeline::MakesProgress() const { return MonotonicNs() - last_round_ns_ < kStalledNs; }

absl::Status Pipeline::Ready() {
  if (!MakesProgress()) return absl::UnavailableError("the collector thread makes no progress");
  MutexLock lock(mutex_);
  return ready_;
}

absl::Status Pipeline::CollectorWorking(std::string_view name) {
  MutexLock lock(mutex_);
  for (const Enabled& enabled : collectors_) {
    if (enabled.spec->name == name) return Working(enabled);
  }
  return absl::OkStatus();
}

absl::Status Pipeline::Working(const Enabled& enabled) const {
  if (!procfs_ && enabled.spec->dimension) return side_.processes_status();
  if (enabled.spec->reads_processes && !procfs_status_.ok()) return procfs_status_;
  return enabled.collector->Working();
}

}  // namespace cnproc
