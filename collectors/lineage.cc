// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <string_view>

#include "collectors/dimension_collector.h"
#include "collectors/registry.h"

namespace cnproc {
namespace {

// Stands in no label value.
constexpr char kSeparator = '\n';

// Its values are pairs of programs, which no process holds: they idle from their latest exec on.
class LineageCollector final : public Collector {
 public:
  explicit LineageCollector(const CollectorContext& context)
      : identities_(context.identities),
        pairs_(context.settings.lineage, identities_.now_ns(), identities_.unix_offset_ns()) {}

  void OnChange(const Change& change) override {
    if (change.late_execs > 0) {
      Count(change.late_previous_program, change.late_program, change.late_execs);
    }
    if (change.type == Change::Type::kExeced) {
      Count(change.previous_program, change.process->values[Dimension::kProgram], 1);
    }
  }

  const LabelValues* labels() const override { return &pairs_; }

  void Configure(const Settings& settings) override { pairs_.Configure(settings.lineage); }

  void Collect(const Cut& cut, Families& families) const override {
    FamilyWriter execs = FamilyWriter::Counter(
        families, "cnproc_lineage_execs_total",
        "Programs started, by the program that the process was before: its parent's, mostly.", 0);
    for (const ValueAtCut& at : ValuesAtCut(pairs_)) {
      // "other" has no separator, and stands for both.
      const std::string_view pair = at.value->text;
      const size_t separator = pair.find(kSeparator);
      const bool is_other = separator == std::string::npos;
      execs.Add(execs_.get(pairs_, at.id),
                {{"parent", pair.substr(0, separator)},
                 {"program", is_other ? pair : pair.substr(separator + 1)}},
                at.start());
    }
    CollectLabelNumbers("lineage", pairs_, cut.start_time_seconds, families);
  }

 private:
  void Count(ValueId previous, ValueId program, uint32_t execs) {
    if (program == kNoValue || previous == kNoValue) return;
    if (program == kOtherValue && previous == kOtherValue) {
      execs_.at(pairs_, pairs_.InternOther()) += execs;
      return;
    }
    const LabelValues& programs = identities_.values(Dimension::kProgram);
    std::string pair = programs.value(previous).text;
    pair += kSeparator;
    pair += programs.value(program).text;
    pairs_.AdvanceTo(identities_.now_ns(), identities_.unix_offset_ns());
    execs_.at(pairs_, pairs_.InternVerbatim(pair)) += execs;
  }

  const Identities& identities_;
  LabelValues pairs_;
  ByValue<uint64_t> execs_;
};

}  // namespace

std::unique_ptr<Collector> CreateLineageCollector(const CollectorContext& context) {
  return std::make_unique<LineageCollector>(context);
}

}  // namespace cnproc
