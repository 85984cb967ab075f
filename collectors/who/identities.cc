// SPDX-License-Identifier: Apache-2.0
#include "collectors/who/identities.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "collectors/who/own_names.h"

namespace cnproc {
namespace {

constexpr std::array kDimensions = {Dimension::kProgram, Dimension::kUnit, Dimension::kContainer,
                                    Dimension::kUser};

std::string NameIn(const ProcessSnapshot& process, const ProcessFacts& facts) {
  if (process.kernel_thread) return std::string(kKthreadName);
  const std::string& name = facts.rule_name.empty() ? facts.comm : facts.rule_name;
  return IsOwnName(name) ? Evaded(name) : name;
}

LabelPolicy ProgramPolicy(const Settings& settings) {
  LabelPolicy policy = settings.labels[Dimension::kProgram];
  for (std::string& name : policy.expected) {
    if (IsOwnName(name)) name = Evaded(name);
  }
  return policy;
}

// Interns the names that occur most often first. Ties fall alike on every host.
void InternByFrequency(std::vector<std::string_view> names, LabelValues& values) {
  std::sort(names.begin(), names.end());
  std::vector<std::pair<size_t, std::string_view>> counts;
  for (const std::string_view name : names) {
    if (counts.empty() || counts.back().second != name) counts.emplace_back(0, name);
    ++counts.back().first;
  }
  std::stable_sort(counts.begin(), counts.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  // The rest finds no room, and is interned with its processes.
  counts.resize(std::min(counts.size(), values.limit()));
  for (const auto& [count, name] : counts) values.Intern(name);
}

}  // namespace

Identities::Identities(const Wanted& wanted, bool records_expected, const Settings& settings,
                       int64_t now_ns, int64_t unix_offset_ns)
    : wanted_(wanted),
      records_expected_(records_expected),
      rules_(settings.program_rules),
      now_ns_(now_ns),
      unix_offset_ns_(unix_offset_ns),
      values_{{{{ProgramPolicy(settings), now_ns, unix_offset_ns},
                {settings.labels[1], now_ns, unix_offset_ns},
                {settings.labels[2], now_ns, unix_offset_ns},
                {settings.labels[3], now_ns, unix_offset_ns}}}} {}

void Identities::Configure(const Settings& settings) {
  old_rules_ = std::exchange(rules_, settings.program_rules);
  values_[0].Configure(ProgramPolicy(settings));
  for (size_t i = 1; i < kDimensionCount; ++i) values_[i].Configure(settings.labels[i]);
}

void Identities::AdvanceTo(int64_t now_ns, int64_t unix_offset_ns) {
  now_ns_ = now_ns;
  unix_offset_ns_ = unix_offset_ns;
  for (LabelValues& values : values_) values.AdvanceTo(now_ns, unix_offset_ns);
}

void Identities::InternMostCommon(std::span<const ProcessSnapshot> processes,
                                  std::span<const ProcessFacts> facts) {
  EnumArray<Dimension, std::vector<std::string_view>, kDimensionCount> names;
  std::vector<std::string> users(processes.size());
  std::vector<std::string> programs(processes.size());
  for (size_t i = 0; i < processes.size(); ++i) {
    if (processes[i].real_uid != kUnknownId) {
      users[i] = absl::StrCat(processes[i].real_uid);
      names[Dimension::kUser].push_back(users[i]);
    }
    programs[i] = NameIn(processes[i], facts[i]);
    names[Dimension::kProgram].push_back(programs[i]);
    if (facts[i].cgroup == nullptr) continue;
    const CgroupIdentity& cgroup = facts[i].cgroup->identity;
    names[Dimension::kUnit].push_back(cgroup.unit);
    names[Dimension::kContainer].push_back(cgroup.container_id);
  }
  for (const Dimension dimension : kDimensions) {
    if (!wanted(dimension)) continue;
    InternByFrequency(std::move(names[dimension]), mutable_values(dimension));
  }
}

void Identities::Assign(Change& change) {
  switch (change.type) {
    case Change::Type::kProcessForked:
      OnFork(change);
      break;
    case Change::Type::kExeced:
      OnExec(change);
      break;
    case Change::Type::kProcessEnded:
      OnEndOfUnknownUser(change);
      [[fallthrough]];
    case Change::Type::kThreadExited:
      OnTaskExit(change);
      break;
    case Change::Type::kUidChanged:
      if (change.process != nullptr) SetUser(*change.process);
      break;
    case Change::Type::kEscalated:
      if (wanted(Dimension::kProgram) && nameless_.size() < kMaxNameless &&
          change.process->values[Dimension::kProgram] == kNoValue) {
        nameless_[change.process->tgid].escalated = true;
      }
      break;
    case Change::Type::kProcessAppeared:
    case Change::Type::kProcessConfirmed:
      if (change.snapshot != nullptr) {
        OnSnapshot(change);
      } else if (change.parent != nullptr) {
        OnParentKnown(change);
      }
      break;
    case Change::Type::kProcessVanished:
      if (!nameless_.empty() && nameless_.contains(change.process->tgid)) {
        SetUnknown(change);
      }
      OnEndOfUnknownUser(change);
      break;
    default:
      break;
  }
}

void Identities::Release(const Change& change) {
  if (change.type != Change::Type::kProcessEnded && change.type != Change::Type::kProcessVanished) {
    return;
  }
  Process& process = *change.process;
  if (change.type == Change::Type::kProcessEnded && wanted(Dimension::kProgram)) {
    ++names_[process.name_source];
  }
  for (const Dimension dimension : kDimensions) {
    mutable_values(dimension).RemoveProcess(std::exchange(process.values[dimension], kNoValue));
  }
  if (!nameless_.empty()) nameless_.erase(process.tgid);
  if (in_scan_) execed_in_scan_.erase(process.tgid);
  if (!userless_.empty()) userless_.erase(process.tgid);
}

EnumArray<Dimension, ValueId, kDimensionCount> Identities::ValuesOf(const CgroupIdentity& cgroup) {
  EnumArray<Dimension, ValueId, kDimensionCount> values{};
  Process nobody;
  SetCgroup(nobody, cgroup);
  std::swap(values, nobody.values);
  for (const Dimension dimension : kDimensions) {
    mutable_values(dimension).RemoveProcess(values[dimension]);
  }
  return values;
}

void Identities::SetValue(Process& process, Dimension dimension, ValueId id) {
  ValueId& value = process.values[dimension];
  if (value == id) return;
  LabelValues& values = mutable_values(dimension);
  // In this order, so that a value does not go idle in between.
  values.AddProcess(id);
  values.RemoveProcess(value);
  value = id;
}

void Identities::SetCgroup(Process& process, const CgroupIdentity& cgroup) {
  if (wanted(Dimension::kUnit)) {
    SetValue(process, Dimension::kUnit, mutable_values(Dimension::kUnit).Intern(cgroup.unit));
  }
  if (!wanted(Dimension::kContainer)) return;
  LabelValues& values = mutable_values(Dimension::kContainer);
  const ValueId id = values.Intern(cgroup.container_id);
  SetValue(process, Dimension::kContainer, id);
  if (id > kOtherValue && containers_.find(values, id) == nullptr) {
    containers_.at(values, id) = {.runtime = cgroup.runtime, .pod_uid = cgroup.pod_uid};
  }
}

void Identities::SetUser(Process& process) {
  if (!wanted(Dimension::kUser) || process.real_uid == kUnknownId) return;
  SetValue(process, Dimension::kUser,
           mutable_values(Dimension::kUser).Intern(absl::StrCat(process.real_uid)));
}

// The process table has copied the parent's values.
void Identities::OnFork(const Change& change) {
  Process& child = *change.process;
  for (const Dimension dimension : kDimensions) {
    mutable_values(dimension).AddProcess(child.values[dimension]);
  }
  if (change.parent != nullptr) NoteUserless(*change.parent);
  if (!wanted(Dimension::kProgram)) return;
  const bool has_program = child.values[Dimension::kProgram] != kNoValue;
  if (has_program && !child.kernel_thread) child.name_source = NameSource::kInherited;
  if (!has_program && change.parent != nullptr && nameless_.size() < kMaxNameless) {
    ++nameless_[change.parent->tgid].forks;
  }
}

void Identities::OnExec(Change& change) {
  Process& process = *change.process;
  if (in_scan_) execed_in_scan_.insert(process.tgid);
  if (process.values[Dimension::kUser] == kNoValue) SetUser(process);
  NoteUserless(process);
  const bool cgroups_wanted = wanted(Dimension::kUnit) || wanted(Dimension::kContainer);
  if (cgroups_wanted && change.facts != nullptr) {
    if (change.facts->cgroup != nullptr && !change.facts->sets_up_container) {
      ++cgroups_read_;
      SetCgroup(process, change.facts->cgroup->identity);
    } else {
      ++cgroups_inherited_;
    }
  }
  if (!wanted(Dimension::kProgram)) return;
  // Whoever it was before has been another program, whose name nobody will hear any more.
  if (process.values[Dimension::kProgram] == kNoValue && !nameless_.empty() &&
      nameless_.contains(process.tgid)) {
    SetUnknown(change);
  }
  change.previous_program = process.values[Dimension::kProgram];
  NameAtExec(change);
}

// Forked by one that nobody knew: what is not known of it is its parent's.
void Identities::OnParentKnown(Change& change) {
  Process& process = *change.process;
  Process& parent = *change.parent;
  if (process.values[Dimension::kUser] == kNoValue) SetUser(process);
  if (process.values[Dimension::kUnit] == kNoValue &&
      process.values[Dimension::kContainer] == kNoValue) {
    SetValue(process, Dimension::kUnit, parent.values[Dimension::kUnit]);
    SetValue(process, Dimension::kContainer, parent.values[Dimension::kContainer]);
  }
  if (!wanted(Dimension::kProgram) || process.values[Dimension::kProgram] != kNoValue) return;
  const ValueId program = parent.values[Dimension::kProgram];
  const auto nameless = nameless_.find(process.tgid);
  // One that is another program by now waits for that program's name.
  const bool has_execed = nameless != nameless_.end() && nameless->second.execs > 0;
  if (program == kNoValue || has_execed) return;
  SetValue(process, Dimension::kProgram, program);
  process.name_source = process.kernel_thread ? NameSource::kKthread : NameSource::kInherited;
  CountLate(change, program);
}

void Identities::NoteUserless(const Process& process) {
  if (wanted(Dimension::kUser) && process.values[Dimension::kUser] == kNoValue &&
      userless_.size() < kMaxNameless) {
    userless_.insert(process.tgid);
  }
}

// What it did counts on somebody, if only its record or nothing tells on whom.
void Identities::OnEndOfUnknownUser(const Change& change) {
  if (userless_.empty() || !userless_.contains(change.process->tgid)) return;
  Process& process = *change.process;
  if (process.values[Dimension::kUser] != kNoValue) return;
  if (process.real_uid == kUnknownId && change.record != nullptr) {
    process.real_uid = change.record->real_uid;
  }
  SetUser(process);
  if (process.values[Dimension::kUser] == kNoValue) {
    SetValue(process, Dimension::kUser, mutable_values(Dimension::kUser).Intern(kUnknownName));
  }
}

// Fills in what is not known yet, and corrects the user; nothing else.
void Identities::OnSnapshot(Change& change) {
  Process& process = *change.process;
  if (process.values[Dimension::kUser] == kNoValue || change.real_uid_corrected) {
    SetUser(process);
  }
  if (change.facts == nullptr) return;
  const ProcessFacts& facts = *change.facts;
  if (facts.cgroup != nullptr && process.values[Dimension::kUnit] == kNoValue &&
      process.values[Dimension::kContainer] == kNoValue) {
    SetCgroup(process, facts.cgroup->identity);
  }
  if (!wanted(Dimension::kProgram)) return;
  if (process.values[Dimension::kProgram] != kNoValue) {
    if (renaming_) Rename(change);
    return;
  }
  // Forked by one that was not known yet, it may not be known to be one.
  process.kernel_thread |= change.snapshot->kernel_thread;
  if (process.kernel_thread) {
    SetProgram(change, kKthreadName, NameSource::kKthread);
  } else if (!facts.comm.empty()) {
    NameByFacts(change);
  }
}

}  // namespace cnproc
