// SPDX-License-Identifier: Apache-2.0
// The program of a process: when it is known, when it is waited for, and what it did before.
#include <optional>
#include <string>
#include <string_view>

#include "collectors/who/identities.h"
#include "collectors/who/own_names.h"

namespace cnproc {
namespace {

// Of a process that is gone only its comm is left.
class NothingToRead final : public RuleInputReader {
 public:
  std::optional<std::string> Read(RuleInput /*input*/) override { return std::nullopt; }
};

}  // namespace

ValueId Identities::ProgramNamed(std::string_view name) {
  LabelValues& programs = mutable_values(Dimension::kProgram);
  return IsOwnName(name) ? programs.Intern(Evaded(name)) : programs.Intern(name);
}

// An empty name is none.
void Identities::SetProgram(Change& change, std::string_view name, NameSource source) {
  if (name.empty()) {
    SetUnknown(change);
    return;
  }
  const bool is_ours = source == NameSource::kKthread;
  const ValueId program =
      is_ours ? mutable_values(Dimension::kProgram).Intern(name) : ProgramNamed(name);
  SetValue(*change.process, Dimension::kProgram, program);
  change.process->name_source = source;
  CountLate(change, program);
}

void Identities::SetUnknown(Change& change) {
  const ValueId unknown = mutable_values(Dimension::kProgram).Intern(kUnknownName);
  SetValue(*change.process, Dimension::kProgram, unknown);
  change.process->name_source = NameSource::kUnknown;
  CountLate(change, unknown);
}

// What the process did while it had no name was that program's.
void Identities::CountLate(Change& change, ValueId program) {
  if (nameless_.empty()) return;
  const auto found = nameless_.find(change.process->tgid);
  if (found == nameless_.end()) return;
  const Nameless& nameless = found->second;
  change.late_execs = nameless.execs;
  change.late_forks = nameless.forks;
  change.late_escalated = nameless.escalated;
  change.late_program = program;
  if (values(Dimension::kProgram).generation(nameless.previous_program) ==
      nameless.previous_generation) {
    change.late_previous_program = nameless.previous_program;
  }
  nameless_.erase(found);
}

void Identities::NameAtExec(Change& change) {
  Process& process = *change.process;
  if (change.facts != nullptr && !change.facts->comm.empty()) {
    NameByFacts(change);
    return;
  }
  const bool lost = change.facts != nullptr && change.facts->name_lost;
  if (!lost && NameByRecord(change)) return;
  if (lost || !records_expected_ || nameless_.size() >= kMaxNameless) {
    SetUnknown(change);
    return;
  }
  SetValue(process, Dimension::kProgram, kNoValue);
  process.name_source = NameSource::kUnknown;
  nameless_[process.tgid] = {
      .execs = 1,
      .escalated = change.escalated,
      .previous_program = change.previous_program,
      .previous_generation = values(Dimension::kProgram).generation(change.previous_program)};
}

void Identities::NameByFacts(Change& change) {
  const ProcessFacts& facts = *change.facts;
  if (facts.rule_name.empty()) {
    SetProgram(change, facts.comm, NameSource::kExec);
  } else {
    SetProgram(change, facts.rule_name, NameSource::kRule);
  }
}

// Only the leader's record tells: another thread's may carry a name of its own.
bool Identities::NameByRecord(Change& change) {
  if (change.record == nullptr || change.record->tid != change.process->tgid) return false;
  const std::string_view comm = change.record->comm.data();
  NothingToRead nothing;
  const std::optional<std::string> by_rule =
      rules_.empty() ? std::nullopt : rules_.Apply(comm, nothing);
  if (by_rule) {
    SetProgram(change, *by_rule, NameSource::kRule);
  } else {
    SetProgram(change, comm, NameSource::kTaskstats);
  }
  return true;
}

void Identities::OnTaskExit(Change& change) {
  if (!wanted(Dimension::kProgram) || change.process == nullptr ||
      change.process->values[Dimension::kProgram] != kNoValue) {
    return;
  }
  if (NameByRecord(change) || change.type != Change::Type::kProcessEnded) return;
  SetUnknown(change);
}

// Only rules rename: a process that had no name by one, and has none now, is what it was, whatever
// it calls itself by now.
void Identities::Rename(Change& change) {
  Process& process = *change.process;
  const ProcessFacts& facts = *change.facts;
  // Who has exec'd since the rules changed has a name by them.
  if (process.kernel_thread || facts.comm.empty() || execed_in_scan_.contains(process.tgid)) return;
  const ValueId before = process.values[Dimension::kProgram];
  const bool by_rule = !facts.rule_name.empty();
  // A child that never exec'd has its parent's.
  const bool was_by_rule = process.name_source == NameSource::kRule ||
                           (process.name_source == NameSource::kInherited &&
                            old_rules_.CanGive(values(Dimension::kProgram).value(before).text));
  if (!by_rule && !was_by_rule) return;
  NameByFacts(change);
  if (process.values[Dimension::kProgram] != before) change.renamed_from = before;
}

}  // namespace cnproc
