// SPDX-License-Identifier: Apache-2.0
// Gives every process its program, unit, container and user.
#ifndef CNPROC_COLLECTORS_WHO_IDENTITIES_H_
#define CNPROC_COLLECTORS_WHO_IDENTITIES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "collectors/base/enum_array.h"
#include "collectors/base/pid.h"
#include "collectors/process/change.h"
#include "collectors/process/process_facts.h"
#include "collectors/who/label_values.h"
#include "collectors/who/settings.h"

namespace cnproc {

// A process keeps its values until it ends, execs, changes its user, or is renamed by new rules.
// Where the name of a program could not be read at its exec, the process has no program until its
// exit record brings the name; what it does meanwhile is counted then (Change::late_execs and its
// like).
//
// Between two changes, for each dimension that is wanted:
//   values(d).value(id).processes = the processes in the table with values[d] == id,
// so no id is given to another value while a process has it. Whatever waits for a process
// (nameless_, userless_, execed_in_scan_) is dropped when that process ends: all three are bounded
// by the table. Not thread safe.
class Identities {
 public:
  using Wanted = EnumArray<Dimension, bool, kDimensionCount>;

  struct Container {
    std::string runtime;
    std::string pod_uid;
  };

  // `records_expected`: exit records can be read. Time is as LabelValues::AdvanceTo has it.
  Identities(const Wanted& wanted, bool records_expected, const Settings& settings, int64_t now_ns,
             int64_t unix_offset_ns);

  // Values that stay keep their ids.
  void Configure(const Settings& settings);
  void AdvanceTo(int64_t now_ns, int64_t unix_offset_ns);

  // Call it before the first scan is reconciled: where there is not room for all values, those with
  // the most processes get it. `facts` is parallel to `processes`.
  void InternMostCommon(std::span<const ProcessSnapshot> processes,
                        std::span<const ProcessFacts> facts);

  // While it is set, a snapshot names its process anew even if the process has a name: its facts
  // are by the rules of a reload. What was counted under the old name stays there.
  void SetRenaming(bool renaming) { renaming_ = renaming; }
  // Between these two /proc is being read. What it says of a process that execs meanwhile may be of
  // the program before.
  void OnScanBegin() { in_scan_ = true; }
  void OnScanEnd() {
    in_scan_ = false;
    execed_in_scan_ = {};
  }

  // Call Assign before collectors are notified of a change: it gives the process its values and
  // fills in what Change leaves to it. Call Release after: it takes the values from a process that
  // ended.
  void Assign(Change& change);
  void Release(const Change& change);

  // The values of a cgroup that no known process is in.
  EnumArray<Dimension, ValueId, kDimensionCount> ValuesOf(const CgroupIdentity& cgroup);

  const ProgramRules& rules() const { return rules_; }
  int64_t now_ns() const { return now_ns_; }
  int64_t unix_offset_ns() const { return unix_offset_ns_; }
  bool wanted(Dimension dimension) const { return wanted_[dimension]; }
  const LabelValues& values(Dimension dimension) const { return values_[dimension]; }
  // Of a container's value.
  const Container* container(ValueId id) const {
    return containers_.find(values(Dimension::kContainer), id);
  }
  // How many processes that ended had got their program in this way.
  uint64_t names(NameSource source) const { return names_[source]; }
  uint64_t cgroups_read() const { return cgroups_read_; }
  uint64_t cgroups_inherited() const { return cgroups_inherited_; }

 private:
  // Only as many processes wait for their name as exit records are behind.
  static constexpr size_t kMaxNameless = 1 << 16;

  // What a process without a program did that will be counted once it has one.
  struct Nameless {
    uint32_t execs = 0;
    uint32_t forks = 0;
    bool escalated = false;
    ValueId previous_program = kNoValue;  // at its latest exec
    uint32_t previous_generation = 0;
  };

  LabelValues& mutable_values(Dimension dimension) { return values_[dimension]; }
  void SetValue(Process& process, Dimension dimension, ValueId id);
  ValueId ProgramNamed(std::string_view name);
  void SetProgram(Change& change, std::string_view name, NameSource source);
  void SetUnknown(Change& change);
  void CountLate(Change& change, ValueId program);
  void SetCgroup(Process& process, const CgroupIdentity& cgroup);
  void SetUser(Process& process);

  void OnFork(const Change& change);
  void OnExec(Change& change);
  void NameAtExec(Change& change);
  void OnTaskExit(Change& change);
  void OnSnapshot(Change& change);
  void OnParentKnown(Change& change);
  void NoteUserless(const Process& process);
  void OnEndOfUnknownUser(const Change& change);
  bool NameByRecord(Change& change);
  void NameByFacts(Change& change);
  void Rename(Change& change);

  const Wanted wanted_;
  const bool records_expected_;
  ProgramRules rules_;
  ProgramRules old_rules_;  // before the newest Configure
  bool renaming_ = false;
  bool in_scan_ = false;
  absl::flat_hash_set<pid_t> execed_in_scan_;  // and live
  int64_t now_ns_;
  int64_t unix_offset_ns_;
  EnumArray<Dimension, LabelValues, kDimensionCount> values_;
  ByValue<Container> containers_;
  absl::flat_hash_map<pid_t, Nameless> nameless_;
  absl::flat_hash_set<pid_t> userless_;  // forked or execed while their user was not known
  EnumArray<NameSource, uint64_t, kNameSourceCount> names_{};
  uint64_t cgroups_read_ = 0;
  uint64_t cgroups_inherited_ = 0;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_WHO_IDENTITIES_H_
