// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "collectors/base/time.h"
#include "collectors/cpu_by_value.h"
#include "collectors/metrics/family_writer.h"
#include "collectors/process/group_cpu.h"
#include "collectors/registry.h"

namespace cnproc {
namespace {

// What processes use is billed to whoever they belong to when it is heard of: while they live by
// samples, at their end by their exit records, less what was billed before. So nothing is lost
// between two samples, and nothing is billed twice.
class UsageCollector final : public Collector {
 public:
  explicit UsageCollector(const CollectorContext& context)
      : identities_(context.identities),
        working_(context.usage),
        began_ns_(context.began_ns),
        cpu_(context.identities) {}

  bool Wants(Change::Type type) const override {
    switch (type) {
      case Change::Type::kProcessAppeared:
      case Change::Type::kProcessConfirmed:
      case Change::Type::kSampled:
      case Change::Type::kThreadExited:
      case Change::Type::kProcessEnded:
      case Change::Type::kProcessVanished:
        return true;
      default:
        return false;
    }
  }

  void OnChange(const Change& change) override {
    switch (change.type) {
      case Change::Type::kProcessAppeared:
        if (!IsNew(*change.process)) billed_[change.process->tgid].begins_with_next = true;
        [[fallthrough]];
      case Change::Type::kProcessConfirmed:
        if (change.snapshot != nullptr) BillSample(*change.process, change.snapshot->use);
        break;
      case Change::Type::kSampled:
        BillSample(*change.process, *change.use);
        break;
      case Change::Type::kThreadExited:
        if (change.record != nullptr && change.process != nullptr) {
          group_cpu_.OnThreadExit(change.process->tgid, *change.record);
        }
        break;
      case Change::Type::kProcessEnded:
        BillEnd(change);
        break;
      case Change::Type::kProcessVanished:
        (void)TakeBilled(*change.process);
        group_cpu_.Forget(change.process->tgid);
        break;
      default:
        break;
    }
  }

  absl::Status Working() const override { return working_; }

  void Collect(const Cut& cut, Families& families) const override {
    const double start = cut.start_time_seconds;
    cpu_.Collect("cpu_seconds_total", "CPU time of all processes of",
                 ": of the living as last sampled, of the ended by their exit records.", families);
    FamilyWriter::Counter(families, "cnproc_usage_samples_total",
                          "Samples of living processes; gone: it ended before it could be read.",
                          start)
        .Add(cut.side.samples_gone, {{"result", "gone"}})
        .Add(cut.side.samples_read, {{"result", "read"}});
    FamilyWriter::Counter(families, "cnproc_usage_corrections_total",
                          "Ended processes whose exit records told less than was sampled before.",
                          start)
        .Add(corrections_);
    FamilyWriter::Gauge(families, "cnproc_usage_sample_interval_seconds",
                        "How old the oldest sample of a living process may be now.")
        .Add(Seconds(cut.side.oldest_sample_ns));
  }

 private:
  struct Billed {
    CpuSum cpu;
    // It is older than our numbers: what it had used before they began is nobody's.
    bool begins_with_next = false;
  };

  bool IsNew(const Process& process) const {
    return process.fork_seen || process.start_ns >= began_ns_;
  }
  // Its exit record will tell who it is.
  bool IsNameless(const Process& process) const {
    return identities_.wanted(Dimension::kProgram) &&
           process.values[Dimension::kProgram] == kNoValue;
  }

  // A sample may be of a moment before the latest: then there is nothing new in it.
  void BillSample(const Process& process, const ProcessUse& use) {
    Billed& billed = billed_[process.tgid];
    const CpuSum cpu{.user_us = std::max(use.user_us, billed.cpu.user_us),
                     .system_us = std::max(use.system_us, billed.cpu.system_us)};
    if (billed.begins_with_next) {
      billed = {.cpu = cpu};
      return;
    }
    if (IsNameless(process)) return;
    cpu_.Add(process, {.user_us = cpu.user_us - billed.cpu.user_us,
                       .system_us = cpu.system_us - billed.cpu.system_us});
    billed.cpu = cpu;
  }

  void BillEnd(const Change& change) {
    const Process& process = *change.process;
    const Billed billed = TakeBilled(process);
    if (change.record != nullptr && !billed.begins_with_next) {
      const CpuSum total = SumOf(group_cpu_.TotalOf(process.tgid, *change.record));
      BillRest(process, billed.cpu, total);
    }
    group_cpu_.Forget(process.tgid);
  }

  void BillRest(const Process& process, const CpuSum& billed, const CpuSum& total) {
    const int64_t left_us = total.total_us() - billed.total_us();
    if (left_us < 0) {
      ++corrections_;
      return;
    }
    // The kernel divides into modes what it measured as a whole, and may do so otherwise each time.
    const int64_t user_us = std::clamp<int64_t>(total.user_us - billed.user_us, 0, left_us);
    cpu_.Add(process, {.user_us = user_us, .system_us = left_us - user_us});
  }

  // What was billed to a process that is about to go.
  Billed TakeBilled(const Process& process) {
    const auto found = billed_.find(process.tgid);
    if (found == billed_.end()) return {};
    const Billed billed = found->second;
    billed_.erase(found);
    return billed;
  }

  const Identities& identities_;
  const absl::Status working_;
  const int64_t began_ns_;
  GroupCpu group_cpu_{TickNs()};
  // Of living processes that were sampled, or will be before anything is billed. By tgid.
  absl::flat_hash_map<pid_t, Billed> billed_;
  CpuByValue cpu_;
  uint64_t corrections_ = 0;
};

}  // namespace

std::unique_ptr<Collector> CreateUsageCollector(const CollectorContext& context) {
  return std::make_unique<UsageCollector>(context);
}

}  // namespace cnproc
