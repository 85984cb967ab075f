// SPDX-License-Identifier: Apache-2.0
#include "collectors/cpu_by_value.h"

#include <string>
#include <vector>

#include "collectors/dimension_collector.h"
#include "collectors/metrics/family_writer.h"

namespace cnproc {
namespace {

struct Mode {
  const char* name;
  int64_t CpuSum::*us;
};
constexpr std::array<Mode, 2> kModes = {
    {{"system", &CpuSum::system_us}, {"user", &CpuSum::user_us}}};

}  // namespace

void CpuByValue::Add(const Process& process, const CpuSum& cpu) {
  for (size_t i = 0; i < kDimensions.size(); ++i) {
    const ValueId id = process.values[kDimensions[i]];
    if (id != kNoValue) sums_[i].at(identities_.values(kDimensions[i]), id) += cpu;
  }
}

void CpuByValue::Collect(std::string_view name, std::string_view help, std::string_view rest,
                         Families& families) const {
  for (size_t i = 0; i < kDimensions.size(); ++i) {
    const Dimension dimension = kDimensions[i];
    if (!identities_.wanted(dimension)) continue;
    const DimensionNames& names = NamesOf(dimension);
    const std::string full_name =
        std::string("cnproc_") + names.dimension + "_" + std::string(name);
    const std::string full_help = std::string(help) + " " + names.plural + std::string(rest);
    FamilyWriter family = FamilyWriter::Counter(families, full_name, full_help, 0);
    const LabelValues& values = identities_.values(dimension);
    const std::vector<ValueAtCut> all = ValuesAtCut(values);
    family.Reserve(all.size() * kModes.size());
    ForEachSeries(dimension, "mode", all, kModes.size(), [&](const ValueAtCut& at, size_t mode) {
      const int64_t us = sums_[i].get(values, at.id).*kModes[mode].us;
      family.Add(SecondsOfUs(us), at.LabelsWith(dimension, {{"mode", kModes[mode].name}}),
                 at.start());
    });
  }
}

}  // namespace cnproc
