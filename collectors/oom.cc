// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <string>

#include "collectors/dimension_collector.h"
#include "collectors/registry.h"

namespace cnproc {
namespace {

constexpr std::array kDimensions = {Dimension::kProgram, Dimension::kUnit, Dimension::kContainer};

class OomCollector final : public Collector {
 public:
  explicit OomCollector(const CollectorContext& context)
      : identities_(context.identities), working_(context.kernel_log) {}

  bool Wants(Change::Type type) const override { return type == Change::Type::kOomKilled; }
  void OnChange(const Change& change) override {
    ++(change.oom_in_cgroup ? in_cgroup_ : on_host_);
    for (size_t i = 0; i < kDimensions.size(); ++i) {
      const ValueId id = change.process->values[kDimensions[i]];
      ++kills_[i].at(identities_.values(kDimensions[i]), id);
    }
  }

  absl::Status Working() const override { return working_; }

  void Collect(const Cut& cut, Families& families) const override {
    const double start = cut.start_time_seconds;
    FamilyWriter::Counter(families, "cnproc_oom_kills_total",
                          "Processes that the kernel logged to have killed for want of memory: of "
                          "a cgroup, or of the host.",
                          start)
        .Add(in_cgroup_, {{"scope", "cgroup"}})
        .Add(on_host_, {{"scope", "host"}});
    FamilyWriter::Counter(families, "cnproc_oom_log_records_lost_total",
                          "Records of the kernel's log that were overwritten before they were "
                          "read: kills may be among them.",
                          start)
        .Add(cut.side.log_records_lost);
    if (cut.host.oom_kills) {
      FamilyWriter::Counter(families, "cnproc_kernel_oom_kills_total",
                            "Kills by /proc/vmstat since the exporter started: an independent "
                            "audit of cnproc_oom_kills_total.",
                            start)
          .Add(*cut.host.oom_kills);
    }
    for (size_t i = 0; i < kDimensions.size(); ++i) {
      if (identities_.wanted(kDimensions[i])) CollectBy(kDimensions[i], kills_[i], families);
    }
  }

 private:
  void CollectBy(Dimension dimension, const ByValue<uint64_t>& by_value, Families& families) const {
    const DimensionNames& names = NamesOf(dimension);
    FamilyWriter family = FamilyWriter::Counter(
        families, std::string("cnproc_") + names.dimension + "_oom_kills_total",
        std::string("Processes of ") + names.plural + " that the kernel killed for want of memory.",
        0);
    const LabelValues& values = identities_.values(dimension);
    AddByValue(family, dimension, values, [&](ValueId id) { return by_value.get(values, id); });
  }

  const Identities& identities_;
  const absl::Status working_;
  uint64_t in_cgroup_ = 0;
  uint64_t on_host_ = 0;
  std::array<ByValue<uint64_t>, kDimensions.size()> kills_;  // as kDimensions
};

}  // namespace

std::unique_ptr<Collector> CreateOomCollector(const CollectorContext& context) {
  return std::make_unique<OomCollector>(context);
}

}  // namespace cnproc
