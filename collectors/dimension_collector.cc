// SPDX-License-Identifier: Apache-2.0
#include "collectors/dimension_collector.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace cnproc {
namespace {

// By Dimension.
constexpr std::array<DimensionNames, kDimensionCount> kNames = {
    {{"program", "program", "programs"},
     {"unit", "unit", "units of systemd"},
     {"container", "container_id", "containers"},
     {"user", "uid", "users"}}};

}  // namespace

const DimensionNames& NamesOf(Dimension dimension) {
  return kNames[static_cast<size_t>(dimension)];
}

LabelList ValueAtCut::LabelsWith(Dimension dimension, LabelViews more) const {
  const LabelView own = {NamesOf(dimension).label, value->text};
  LabelList labels;
  size_t i = 0;
  while (i < more.size() && more[i].name < own.name) labels.push_back(more[i++]);
  labels.push_back(own);
  while (i < more.size()) labels.push_back(more[i++]);
  return labels;
}

std::vector<ValueAtCut> ValuesAtCut(const LabelValues& values) {
  std::vector<ValueAtCut> result;
  result.reserve(values.size() + 1);
  values.ForEach([&result](ValueId id, const LabelValues::Value& value) {
    result.push_back({id, &value});
  });
  return result;
}

void CollectLabelNumbers(const char* dimension, const LabelValues& values, double start_time,
                         Families& families) {
  const std::array labels = {LabelView{"dimension", dimension}};
  FamilyWriter::Counter(families, "cnproc_label_overflows_total",
                        "Times that something counted as \"other\" because there was no room for "
                        "another value.",
                        start_time)
      .Add(values.overflows(), labels);
  FamilyWriter::Counter(families, "cnproc_label_evictions_total",
                        "Values that gave way because they were idle.", start_time)
      .Add(values.evictions(), labels);
  FamilyWriter::Gauge(families, "cnproc_label_values", "Values now, \"other\" not counted.")
      .Add(values.size(), labels);
  FamilyWriter::Gauge(families, "cnproc_label_limit", "Values that there is room for.")
      .Add(values.limit(), labels);
}

std::string DimensionCollector::MetricName(const char* rest) const {
  return absl::StrCat("cnproc_", NamesOf(dimension_).dimension, "_", rest);
}

bool DimensionCollector::Wants(Change::Type type) const {
  switch (type) {
    case Change::Type::kProcessForked:
    case Change::Type::kExeced:
    case Change::Type::kProcessEnded:
    case Change::Type::kEscalated:
      return true;
    // They can tell the program of one that had no name.
    case Change::Type::kThreadExited:
    case Change::Type::kProcessAppeared:
    case Change::Type::kProcessConfirmed:
    case Change::Type::kProcessVanished:
      return dimension_ == Dimension::kProgram;
    default:
      return false;
  }
}

void DimensionCollector::OnChange(const Change& change) {
  const bool is_fork = change.type == Change::Type::kProcessForked;
  Counts* const counts = CountsOf(is_fork ? change.parent : change.process);
  if (counts != nullptr) {
    switch (change.type) {
      case Change::Type::kProcessForked:
        ++counts->forks;
        break;
      case Change::Type::kExeced:
        ++counts->execs;
        if (change.escalated) ++counts->escalations;
        break;
      case Change::Type::kProcessEnded:
        CountEnd(change, *counts);
        break;
      case Change::Type::kEscalated:
        ++counts->escalations;
        break;
      default:
        break;
    }
  }
  // What could not be counted while the program had no name.
  const bool late = change.late_execs + change.late_forks > 0 || change.late_escalated;
  if (late && dimension_ == Dimension::kProgram) {
    Counts& now_known = counts_.at(values(), change.late_program);
    now_known.execs += change.late_execs;
    now_known.forks += change.late_forks;
    now_known.escalations += change.late_escalated ? 1 : 0;
  }
}

void DimensionCollector::OnForkRefusals(Dimension dimension, ValueId value, uint64_t count) {
  if (dimension == dimension_) counts_.at(values(), value).refusals += count;
}

void DimensionCollector::CountEnd(const Change& change, Counts& counts) const {
  const WaitStatus status(change.wait_status);
  ++counts.exits[static_cast<size_t>(status.outcome())];
  if (status.outcome() != Outcome::kSignal) return;
  counts.newest_signal_kind = SignalKind(status.signal);
  ++counts.signals[counts.newest_signal_kind];
  counts.newest_by_signal.Set(change, 1, identities_);
  if (!DumpsCore(status.signal)) return;
  ++counts.coredumps;
  counts.newest_coredump.Set(change, 1, identities_);
}

void DimensionCollector::Collect(const Cut& cut, Families& families) const {
  std::vector<Line> lines;
  lines.reserve(values().size() + 1);
  for (const ValueAtCut& at : ValuesAtCut(values())) {
    lines.push_back({at, counts_.get(values(), at.id)});
  }
  CollectStarts(lines, families);
  CollectEnds(lines, families);
  if (dimension_ == Dimension::kUnit || dimension_ == Dimension::kContainer) {
    CollectCgroups(lines, cut.start_time_seconds, families);
  }
  CollectLabelNumbers(NamesOf(dimension_).dimension, values(), cut.start_time_seconds, families);
}

void DimensionCollector::CollectCounter(const std::vector<Line>& lines, const char* name,
                                        const std::string& help, uint64_t Counts::*count,
                                        Families& families) const {
  FamilyWriter family = FamilyWriter::Counter(families, MetricName(name), help, 0);
  family.Reserve(lines.size());
  for (const Line& line : lines) {
    family.Add(line.counts.*count, line.at.LabelsWith(dimension_), line.at.start());
  }
}

void DimensionCollector::CollectCgroups(const std::vector<Line>& lines, double start_time,
                                        Families& families) const {
  CollectCounter(lines, "fork_refusals_total",
                 std::string("Forks that the pids limit of ") + NamesOf(dimension_).plural +
                     " refused: they make no event.",
                 &Counts::refusals, families);
  FamilyWriter::Counter(families, "cnproc_cgroup_lookups_total",
                        "Execs by whether the process' cgroup was read, or inherited: it was gone "
                        "before it could be, or sets up a container.",
                        start_time)
      .Add(identities_.cgroups_inherited(), {{"result", "inherited"}})
      .Add(identities_.cgroups_read(), {{"result", "read"}});
}

void DimensionCollector::CollectStarts(const std::vector<Line>& lines, Families& families) const {
  const std::string plural = NamesOf(dimension_).plural;
  CollectCounter(lines, "forks_total", "Processes forked by processes of " + plural + ".",
                 &Counts::forks, families);
  CollectCounter(lines, "execs_total", "Programs started, by " + plural + ".", &Counts::execs,
                 families);
  CollectCounter(
      lines, "privilege_escalations_total",
      "Times that the effective uid of a process of " + plural + " went from non-zero to 0.",
      &Counts::escalations, families);
  FamilyWriter alive =
      FamilyWriter::Gauge(families, MetricName("processes"), "Processes of " + plural + " alive.");
  alive.Reserve(lines.size());
  for (const Line& line : lines) {
    alive.Add(line.at.value->processes, line.at.LabelsWith(dimension_));
  }
}

void DimensionCollector::CollectEnds(const std::vector<Line>& lines, Families& families) const {
  const std::string plural = NamesOf(dimension_).plural;
  FamilyWriter exits = FamilyWriter::Counter(families, MetricName("exits_total"),
                                             "Processes of " + plural + " ended, each once.", 0);
  exits.Reserve(lines.size() * kOutcomesByName.size());
  ForEachSeries(dimension_, "outcome", lines, kOutcomesByName.size(),
                [&](const Line& line, size_t i) {
                  const auto outcome = static_cast<size_t>(kOutcomesByName[i]);
                  exits.Add(line.counts.exits[outcome],
                            line.at.LabelsWith(dimension_, {{"outcome", kOutcomeNames[outcome]}}),
                            line.at.start());
                });
  FamilyWriter signals = FamilyWriter::Counter(families, MetricName("exit_signals_total"),
                                               "Processes of " + plural + " ended by a signal.", 0);
  for (const Line& line : lines) {
    for (size_t kind = 0; kind < kSignalKinds; ++kind) {
      if (line.counts.signals[kind] == 0) continue;
      signals.Add(line.counts.signals[kind],
                  line.at.LabelsWith(dimension_, {{"signal", SignalKindName(kind)}}),
                  line.at.start());
      if (kind == line.counts.newest_signal_kind) {
        signals.WithExemplar(line.counts.newest_by_signal.At(identities_));
      }
    }
  }
  FamilyWriter coredumps = FamilyWriter::Counter(
      families, MetricName("coredumps_total"),
      "Processes of " + plural + " ended by a signal whose default is to dump core.", 0);
  coredumps.Reserve(lines.size());
  for (const Line& line : lines) {
    coredumps.Add(line.counts.coredumps, line.at.LabelsWith(dimension_), line.at.start())
        .WithExemplar(line.counts.newest_coredump.At(identities_));
  }
}

}  // namespace cnproc
