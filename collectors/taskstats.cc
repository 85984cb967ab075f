// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "collectors/base/time.h"
#include "collectors/cpu_by_value.h"
#include "collectors/metrics/family_writer.h"
#include "collectors/metrics/histogram.h"
#include "collectors/process/group_cpu.h"
#include "collectors/registry.h"

namespace cnproc {
namespace {

// 1 MiB to 64 GiB.
constexpr std::array kPeakBounds = {1048576.0,    4194304.0,     16777216.0,
                                    67108864.0,   268435456.0,   1073741824.0,
                                    4294967296.0, 17179869184.0, 68719476736.0};
// What lives longer is seen by tools that sample.
constexpr int64_t kShortLifeUs = 60'000'000;

class TaskstatsCollector final : public Collector {
 public:
  explicit TaskstatsCollector(const CollectorContext& context)
      : working_(context.exit_records), short_lived_by_value_(context.identities) {}

  bool Wants(Change::Type type) const override {
    return type == Change::Type::kThreadExited || type == Change::Type::kProcessEnded ||
           type == Change::Type::kProcessVanished;
  }
  void OnChange(const Change& change) override {
    switch (change.type) {
      case Change::Type::kThreadExited:
        if (change.record != nullptr && change.process != nullptr) {
          group_cpu_.OnThreadExit(change.process->tgid, *change.record);
        }
        break;
      case Change::Type::kProcessEnded:
        if (change.record != nullptr) OnEnd(change);
        group_cpu_.Forget(change.process->tgid);
        break;
      case Change::Type::kProcessVanished:
        group_cpu_.Forget(change.process->tgid);
        break;
      default:
        break;
    }
  }

  absl::Status Working() const override { return working_; }

  void Collect(const Cut& cut, Families& families) const override {
    const double start = cut.start_time_seconds;
    FamilyWriter::Counter(families, "cnproc_taskstats_records_total",
                          "Exit records of tasks received.", start)
        .Add(cut.side.exit_records);
    FamilyWriter::Counter(families, "cnproc_taskstats_records_lost_total",
                          "Exit records lost in the receive buffer.", start)
        .Add(cut.side.exit_records_lost);
    FamilyWriter::Counter(families, "cnproc_short_lived_cpu_seconds_total",
                          "CPU time of ended processes that lived less than a minute, which "
                          "sampling cannot see.",
                          start)
        .Add(SecondsOfUs(short_lived_.system_us), {{"mode", "system"}})
        .Add(SecondsOfUs(short_lived_.user_us), {{"mode", "user"}});
    FamilyWriter::OfHistograms(families, "cnproc_process_peak_resident_bytes",
                               "Peak resident size of ended processes.", start)
        .Add(peaks_);
    short_lived_by_value_.Collect("short_lived_cpu_seconds_total", "CPU time of ended processes of",
                                  " that lived less than a minute.", families);
  }

 private:
  // The record is of the process' last thread.
  void OnEnd(const Change& change) {
    const ExitRecord& record = *change.record;
    const Process& process = *change.process;
    peaks_.Observe(static_cast<int64_t>(record.peak_resident_bytes));
    const int64_t lifetime_us = process.start_ns == kUnknownStart
                                    ? record.elapsed_us
                                    : (change.timestamp_ns - process.start_ns) / 1000;
    if (lifetime_us >= kShortLifeUs) return;
    const CpuSum cpu = SumOf(group_cpu_.TotalOf(process.tgid, record));
    short_lived_ += cpu;
    short_lived_by_value_.Add(process, cpu);
  }

  const absl::Status working_;
  GroupCpu group_cpu_{TickNs()};
  CpuSum short_lived_;
  Histogram peaks_{kPeakBounds, Histogram::Buckets::kClassicAndNative};
  CpuByValue short_lived_by_value_;
};

}  // namespace

std::unique_ptr<Collector> CreateTaskstatsCollector(const CollectorContext& context) {
  return std::make_unique<TaskstatsCollector>(context);
}

}  // namespace cnproc
