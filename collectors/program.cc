// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "collectors/base/time.h"
#include "collectors/dimension_collector.h"
#include "collectors/metrics/histogram.h"
#include "collectors/registry.h"

namespace cnproc {
namespace {

// Programs know few codes. One that answers with its code, as a count of errors found, knows many.
constexpr size_t kMaxCodes = 8;
constexpr int kOtherCodes = 256;  // no code: all for which there was no room
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
    if (change.type != Change::Type::kProcessEnded) return;
    const ValueId program = change.process->values[Dimension::kProgram];
    const WaitStatus status(change.wait_status);
    if (status.outcome() == Outcome::kError) CountCode(codes_.at(values(), program), status.code);
    if (!with_lifetime_ || change.process->start_ns == kUnknownStart) return;
    lifetimes_.at(values(), program)
        .histogram.Observe(change.timestamp_ns - change.process->start_ns);
  }

  void Collect(const Cut& cut, Families& families) const override {
    DimensionCollector::Collect(cut, families);
    CollectCodes(families);
    if (with_lifetime_) CollectLifetimes(families);
    FamilyWriter names = FamilyWriter::Counter(families, "cnproc_program_names_total",
                                               "Ended processes by how they got their program.",
                                               cut.start_time_seconds);
    for (size_t i = 0; i < kNameSourceCount; ++i) {
      names.Add(identities().names(static_cast<NameSource>(i)), {{"source", kSourceNames[i]}});
    }
    FamilyWriter::Counter(families, "cnproc_comm_records_total",
                          "Names of programs that the kernel told at their exec.",
                          cut.start_time_seconds)
        .Add(static_cast<double>(cut.side.comm_records), {});
    FamilyWriter::Counter(
        families, "cnproc_comm_records_lost_total",
        "Records that the kernel had no room for, of forks and ends too, which it "
        "writes beside names: programs whose name was among them are named by "
        "/proc.",
        cut.start_time_seconds)
        .Add(static_cast<double>(cut.side.comm_records_lost), {});
  }

 private:
  using Codes = absl::InlinedVector<std::pair<int, uint64_t>, 2>;  // ascending
  struct Lifetimes {
    Histogram histogram{kLifetimeBounds, Histogram::Buckets::kClassic, kNsPerSecond};
  };

  static void CountCode(Codes& codes, int code) {
    const auto place = [&codes](int wanted) {
      return std::find_if(codes.begin(), codes.end(),
                          [wanted](const auto& entry) { return entry.first >= wanted; });
    };
    auto found = place(code);
    if (found == codes.end() || found->first != code) {
      if (codes.size() >= kMaxCodes) {
        code = kOtherCodes;
        found = place(code);
      }
      if (found == codes.end() || found->first != code) found = codes.insert(found, {code, 0});
    }
    ++found->second;
  }

  void CollectCodes(Families& families) const {
    FamilyWriter ends = FamilyWriter::Counter(families, "cnproc_program_exit_codes_total",
                                              "Processes of programs that ended with a non-zero "
                                              "code; what a program has beyond its first "
                                              "eight codes is other.",
                                              0);
    for (const ValueAtCut& at : ValuesAtCut(values())) {
      const Codes* codes = codes_.find(values(), at.id);
      if (codes == nullptr) continue;
      for (const auto& [code, count] : *codes) {
        const std::string text = code == kOtherCodes ? "other" : std::to_string(code);
        ends.Add(count, at.LabelsWith(Dimension::kProgram, {{"code", text}}), at.start());
      }
    }
  }

  void CollectLifetimes(Families& families) const {
    FamilyWriter lifetimes =
        FamilyWriter::OfHistograms(families, "cnproc_program_lifetime_seconds",
                                   "Time from fork to last exit of the processes of programs.", 0);
    const std::vector<ValueAtCut> all = ValuesAtCut(values());
    lifetimes.Reserve(all.size());
    for (const ValueAtCut& at : all) {
      lifetimes.Add(lifetimes_.get(values(), at.id).histogram, at.LabelsWith(Dimension::kProgram),
                    at.start());
    }
  }

  const bool with_lifetime_;
  ByValue<Codes> codes_;
  ByValue<Lifetimes> lifetimes_;
};

}  // namespace

std::unique_ptr<Collector> CreateProgramCollector(const CollectorContext& context) {
  return std::make_unique<ProgramCollector>(context);
}

}  // namespace cnproc
