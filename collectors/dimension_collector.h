// SPDX-License-Identifier: Apache-2.0
// What the collectors program, unit and container have in common: the same numbers, each divided by
// another label.
#ifndef CNPROC_COLLECTORS_DIMENSION_COLLECTOR_H_
#define CNPROC_COLLECTORS_DIMENSION_COLLECTOR_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "collectors/collector.h"
#include "collectors/metrics/family_writer.h"
#include "collectors/newest_end.h"
#include "collectors/wait_status.h"
#include "collectors/who/identities.h"
#include "collectors/who/label_values.h"

namespace cnproc {

// How a dimension is called on the page.
struct DimensionNames {
  const char* dimension;   // "container"
  std::string_view label;  // "container_id"
  const char* plural;      // "containers", in HELP texts
};
const DimensionNames& NamesOf(Dimension dimension);

// No series has more.
using LabelList = absl::InlinedVector<LabelView, 4>;

// The values of a dimension as they are at one cut, and how to write a series of one. They come in
// the order in which a page has them: a page of thousands of series need not be sorted then.
struct ValueAtCut {
  ValueId id = kNoValue;
  const LabelValues::Value* value = nullptr;

  // Its own label, and `more`, which are sorted by name. All must outlive the result.
  LabelList LabelsWith(Dimension dimension, LabelViews more = {}) const;
  double start() const { return value->start_time_seconds; }
};
std::vector<ValueAtCut> ValuesAtCut(const LabelValues& values);

// Calls `add(value, i)` for each of `values` and each i below `count`, which stands for the values
// of one more label in their order, as a page orders the series.
template <typename Values, typename Add>
void ForEachSeries(Dimension dimension, std::string_view label, const Values& values, size_t count,
                   Add add) {
  if (label < NamesOf(dimension).label) {
    for (size_t i = 0; i < count; ++i) {
      for (const auto& value : values) add(value, i);
    }
  } else {
    for (const auto& value : values) {
      for (size_t i = 0; i < count; ++i) add(value, i);
    }
  }
}

// Adds one series for each value at the cut: a number that began to count when the value came.
template <typename NumberOf>
void AddByValue(FamilyWriter& family, Dimension dimension, const LabelValues& values,
                NumberOf number_of) {
  const std::vector<ValueAtCut> all = ValuesAtCut(values);
  family.Reserve(all.size());
  for (const ValueAtCut& at : all) {
    family.Add(number_of(at.id), at.LabelsWith(dimension), at.start());
  }
}

// cnproc_label_*: every collector that has label values adds its series to these families.
void CollectLabelNumbers(const char* dimension, const LabelValues& values, double start_time,
                         Families& families);

class DimensionCollector : public Collector {
 public:
  DimensionCollector(const CollectorContext& context, Dimension dimension)
      : identities_(context.identities), dimension_(dimension) {}

  bool Wants(Change::Type type) const override;
  void OnChange(const Change& change) override;
  void OnForkRefusals(Dimension dimension, ValueId value, uint64_t count) override;
  void Collect(const Cut& cut, Families& families) const override;
  const LabelValues* labels() const override { return &values(); }

 protected:
  const LabelValues& values() const { return identities_.values(dimension_); }
  const Identities& identities() const { return identities_; }
  // "cnproc_unit_forks_total" for "forks_total".
  std::string MetricName(const char* rest) const;

 private:
  struct Counts {
    uint64_t forks = 0;
    uint64_t execs = 0;
    uint64_t coredumps = 0;
    uint64_t escalations = 0;
    uint64_t refusals = 0;            // of forks, by the pids controller
    std::array<uint64_t, 3> exits{};  // by Outcome
    std::array<uint64_t, kSignalKinds> signals{};
    NewestEnd newest_by_signal;
    size_t newest_signal_kind = 0;
    NewestEnd newest_coredump;
  };
  struct Line {
    ValueAtCut at;
    const Counts& counts;
  };

  // Null if the process has no value: most are in no container.
  Counts* CountsOf(const Process* process) {
    if (process == nullptr) return nullptr;
    const ValueId id = process->values[dimension_];
    return id == kNoValue ? nullptr : &counts_.at(values(), id);
  }
  void CountEnd(const Change& change, Counts& counts) const;
  void CollectCounter(const std::vector<Line>& lines, const char* name, const std::string& help,
                      uint64_t Counts::*count, Families& families) const;
  void CollectCgroups(const std::vector<Line>& lines, double start_time, Families& families) const;
  void CollectStarts(const std::vector<Line>& lines, Families& families) const;
  void CollectEnds(const std::vector<Line>& lines, Families& families) const;

  const Identities& identities_;
  const Dimension dimension_;
  ByValue<Counts> counts_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_DIMENSION_COLLECTOR_H_
