// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "collectors/base/time.h"
#include "collectors/dimension_collector.h"
#include "collectors/metrics/histogram.h"
#include "collectors/registry.h"

namespace cnproc {
namespace {

constexpr std::array kLifetimeBounds = {0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0};
// By NameSource.
constexpr std::array<const char*, kNameSourceCount> kSourceNames = {
    "exec", "taskstats", "inherited", "rule", "kthread", "unknown"};

class ProgramCollector final : public DimensionCollector {
 public:
  explicit ProgramCollector(const CollectorContext& context)
      : DimensionCollector(context, Dimension::kProgram),
        with_lifetime_(context.settings.program_lifetime) {}

  void OnChange(const Change& change) override {
    DimensionCollector::OnChange(change);
    if (!with_lifetime_ || change.type != Change::Type::kProcessEnded ||
        change.process->start_ns == kUnknownStart) {
      return;
    }
    const ValueId program = change.process->values[static_cast<size_t>(Dimension::kProgram)];
    lifetimes_.at(values(), program)
        .histogram.Observe(static_cast<double>(change.timestamp_ns - change.process->start_ns) *
                           kSecondsPerNs);
  }

  void Collect(const Cut& cut, Families& families) const override {
    DimensionCollector::Collect(cut, families);
    if (with_lifetime_) CollectLifetimes(families);
    FamilyWriter names = FamilyWriter::Counter(families, "cnproc_program_names_total",
                                               "Ended processes by how they got their program.",
                                               cut.start_time_seconds);
    for (size_t i = 0; i < kNameSourceCount; ++i) {
      names.Add(static_cast<double>(identities().names(static_cast<NameSource>(i))),
                {{"source", kSourceNames[i]}});
    }
  }

 private:
  struct Lifetimes {
    Histogram histogram{kLifetimeBounds};
  };

  void CollectLifetimes(Families& families) const {
    static const Lifetimes kNone;
    FamilyWriter lifetimes =
        FamilyWriter::OfHistograms(families, "cnproc_program_lifetime_seconds",
                                   "Time from fork to last exit of the processes of programs.", 0);
    const std::vector<ValueAtCut> all = ValuesAtCut(values());
    lifetimes.Reserve(all.size());
    for (const ValueAtCut& at : all) {
      const Lifetimes* found = lifetimes_.find(values(), at.id);
      lifetimes.Add((found == nullptr ? kNone : *found).histogram,
                    at.LabelsWith(Dimension::kProgram), at.start());
    }
  }

  const bool with_lifetime_;
  ByValue<Lifetimes> lifetimes_;
};

}  // namespace

std::unique_ptr<Collector> CreateProgramCollector(const CollectorContext& context) {
  return std::make_unique<ProgramCollector>(context);
}

}  // namespace cnproc
