// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "collectors/base/time.h"
#include "collectors/dimension_collector.h"
#include "collectors/metrics/histogram.h"
#include "collectors/process/cpu_time.h"
#include "collectors/registry.h"

namespace cnproc {
namespace {

// 1 MiB to 64 GiB.
constexpr std::array kPeakBounds = {1048576.0,    4194304.0,     16777216.0,
                                    67108864.0,   268435456.0,   1073741824.0,
                                    4294967296.0, 17179869184.0, 68719476736.0};
// What lives longer is seen by tools that sample.
constexpr int64_t kShortLifeUs = 60'000'000;
constexpr double kUsPerSecond = 1e6;
constexpr std::array kDimensions = {Dimension::kProgram, Dimension::kUnit, Dimension::kContainer};

// In whole microseconds, as sums of seconds would gather digits that nobody measured.
struct CpuSum {
  int64_t user_us = 0;
  int64_t system_us = 0;

  CpuSum& operator+=(const CpuTime& cpu) {
    user_us += cpu.user_us();
    system_us += cpu.system_us();
    return *this;
  }
};

double SecondsOf(int64_t us) { return static_cast<double>(us) / kUsPerSecond; }

class TaskstatsCollector final : public Collector {
 public:
  explicit TaskstatsCollector(const CollectorContext& context)
      : identities_(context.identities), working_(context.exit_records) {}

  bool Wants(Change::Type type) const override {
    return type == Change::Type::kThreadExited || type == Change::Type::kProcessEnded ||
           type == Change::Type::kProcessVanished;
  }
  void OnChange(const Change& change) override {
    switch (change.type) {
      case Change::Type::kThreadExited:
        if (change.record != nullptr && change.process != nullptr) {
          ended_threads_[change.process->tgid] += CpuTimeOf(*change.record, tick_ns_);
        }
        break;
      case Change::Type::kProcessEnded:
        if (change.record != nullptr) OnEnd(change);
        Forget(*change.process);
        break;
      case Change::Type::kProcessVanished:
        Forget(*change.process);
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
        .Add(SecondsOf(short_lived_.system_us), {{"mode", "system"}})
        .Add(SecondsOf(short_lived_.user_us), {{"mode", "user"}});
    FamilyWriter::OfHistograms(families, "cnproc_process_peak_resident_bytes",
                               "Peak resident size of ended processes.", start)
        .Add(peaks_);
    for (size_t i = 0; i < kDimensions.size(); ++i) {
      if (identities_.wanted(kDimensions[i])) CollectBy(kDimensions[i], cpu_[i], families);
    }
  }

 private:
  void Forget(const Process& process) {
    if (!ended_threads_.empty()) ended_threads_.erase(process.tgid);
  }

  // The record is of the process' last thread.
  void OnEnd(const Change& change) {
    const ExitRecord& record = *change.record;
    const Process& process = *change.process;
    peaks_.Observe(static_cast<int64_t>(record.peak_resident_bytes));
    const int64_t lifetime_us = process.start_ns == kUnknownStart
                                    ? record.elapsed_us
                                    : (change.timestamp_ns - process.start_ns) / 1000;
    if (lifetime_us >= kShortLifeUs) return;
    CpuTime cpu = CpuTimeOf(record, tick_ns_);
    if (!ended_threads_.empty()) {
      const auto threads = ended_threads_.find(process.tgid);
      if (threads != ended_threads_.end()) cpu += threads->second;
    }
    short_lived_ += cpu;
    for (size_t i = 0; i < kDimensions.size(); ++i) {
      const ValueId id = process.values[kDimensions[i]];
      if (id != kNoValue) cpu_[i].at(identities_.values(kDimensions[i]), id) += cpu;
    }
  }

  void CollectBy(Dimension dimension, const ByValue<CpuSum>& by_value, Families& families) const {
    const DimensionNames& names = NamesOf(dimension);
    FamilyWriter family = FamilyWriter::Counter(
        families, std::string("cnproc_") + names.dimension + "_short_lived_cpu_seconds_total",
        std::string("CPU time of ended processes of ") + names.plural +
            " that lived less than a minute.",
        0);
    struct Mode {
      const char* name;
      int64_t CpuSum::*us;
    };
    static constexpr std::array<Mode, 2> kModes = {
        {{"system", &CpuSum::system_us}, {"user", &CpuSum::user_us}}};
    const LabelValues& values = identities_.values(dimension);
    const std::vector<ValueAtCut> all = ValuesAtCut(values);
    family.Reserve(all.size() * kModes.size());
    ForEachSeries(dimension, "mode", all, kModes.size(), [&](const ValueAtCut& at, size_t i) {
      const int64_t us = by_value.get(values, at.id).*kModes[i].us;
      family.Add(SecondsOf(us), at.LabelsWith(dimension, {{"mode", kModes[i].name}}), at.start());
    });
  }

  const Identities& identities_;
  const absl::Status working_;
  const int64_t tick_ns_ = TickNs();
  // Of living processes: what their ended threads took. By tgid.
  absl::flat_hash_map<pid_t, CpuTime> ended_threads_;
  CpuSum short_lived_;
  Histogram peaks_{kPeakBounds, Histogram::Buckets::kClassicAndNative};
  std::array<ByValue<CpuSum>, kDimensions.size()> cpu_;  // as kDimensions
};

}  // namespace

std::unique_ptr<Collector> CreateTaskstatsCollector(const CollectorContext& context) {
  return std::make_unique<TaskstatsCollector>(context);
}

}  // namespace cnproc
