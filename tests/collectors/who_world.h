// SPDX-License-Identifier: Apache-2.0
// A process table, identities and collectors put together as the pipeline does it, fed by hand.
#ifndef CNPROC_TESTS_COLLECTORS_WHO_WORLD_H_
#define CNPROC_TESTS_COLLECTORS_WHO_WORLD_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collectors/collector.h"
#include "collectors/process/process_table.h"
#include "collectors/registry.h"
#include "collectors/who/identities.h"
#include "tests/collectors/page.h"

namespace cnproc {

inline ProcessFacts Comm(const std::string& comm, const std::string& cgroup_path = "") {
  ProcessFacts facts;
  facts.comm = comm;
  if (!cgroup_path.empty()) {
    CgroupFacts cgroup;
    cgroup.identity = IdentifyCgroupPath(cgroup_path, "containerd");
    facts.cgroup = std::make_shared<CgroupFacts>(std::move(cgroup));
  }
  return facts;
}

inline ProcessSnapshot SnapshotOf(pid_t tgid, const std::string& comm, uint32_t uid = 0) {
  ProcessSnapshot snapshot;
  snapshot.tgid = tgid;
  snapshot.comm = comm;
  snapshot.real_uid = snapshot.effective_uid = uid;
  return snapshot;
}

inline ExitRecord RecordOf(pid_t tid, std::string_view comm, int64_t user_us = 0,
                           int64_t system_us = 0) {
  ExitRecord record;
  record.tid = tid;
  comm.copy(record.comm.data(), record.comm.size() - 1);
  record.user_us = user_us;
  record.system_us = system_us;
  return record;
}

// Time advances by a millisecond with every event.
class WhoWorld final : private ChangeSink {
 public:
  struct Options {
    size_t limit = 10;
    bool records_expected = true;
    std::vector<std::string_view> collectors = {"program", "unit",      "container", "user",
                                                "lineage", "taskstats", "oom"};
    ProgramRules rules = {};
  };

  explicit WhoWorld(const Options& options) : WhoWorld(options, MakeSettings(options)) {}
  WhoWorld() : WhoWorld(Options{}) {}

  // The first scan: processes with their pid, comm, cgroup's path and parent.
  void Scan(const std::vector<ProcessSnapshot>& processes, const std::vector<ProcessFacts>& facts) {
    BeginScan();
    EndScan(processes, facts);
  }
  void BeginScan() { table_.BeginScan(now_ns_); }
  void EndScan(const std::vector<ProcessSnapshot>& processes,
               const std::vector<ProcessFacts>& facts) {
    identities_.InternMostCommon(processes, facts);
    table_.Reconcile(processes, facts);
  }

  void Fork(pid_t child, pid_t parent) { Tell({.type = EventType::kFork}, child, child, parent); }
  void ForkThread(pid_t tid, pid_t tgid) { Tell({.type = EventType::kFork}, tid, tgid, 1); }
  void Exec(pid_t pid, std::optional<ProcessFacts> facts,
            std::optional<ExitRecord> record = std::nullopt) {
    Tell({.type = EventType::kExec}, pid, pid, 0,
         {.facts = facts ? &*facts : nullptr, .exec_record = record ? &*record : nullptr});
  }
  void Exit(pid_t pid, uint32_t wait_status = 0, std::optional<ExitRecord> record = std::nullopt) {
    ExitThread(pid, pid, wait_status, record);
  }
  void ExitThread(pid_t tid, pid_t tgid, uint32_t wait_status = 0,
                  std::optional<ExitRecord> record = std::nullopt) {
    Tell({.type = EventType::kExit, .wait_status = wait_status}, tid, tgid, 0,
         {.exit_record = record ? &*record : nullptr});
  }
  void SetUid(pid_t pid, uint32_t real, uint32_t effective) {
    Tell({.type = EventType::kUid, .real_id = real, .effective_id = effective}, pid, pid, 0);
  }
  // Until an escalation cannot be that of an exec any more.
  void Settle() {
    Advance(1'000'000'000);
    table_.EmitEscalations(now_ns_);
  }
  void KillForMemory(pid_t tid, bool in_cgroup) {
    Process nobody;
    Process* process = table_.FindByTask(tid);
    Change change{.type = Change::Type::kOomKilled,
                  .oom_in_cgroup = in_cgroup,
                  .process = process == nullptr ? &nobody : process};
    OnChange(change);
  }
  void RefuseForks(const std::string& cgroup_path, uint64_t count) {
    const auto values = identities_.ValuesOf(IdentifyCgroupPath(cgroup_path, "containerd"));
    for (const auto& collector : collectors_) {
      collector->OnForkRefusals(Dimension::kUnit, values[1], count);
      collector->OnForkRefusals(Dimension::kContainer, values[2], count);
    }
  }
  void Advance(int64_t ns) {
    now_ns_ += ns;
    identities_.AdvanceTo(now_ns_, kUnixOffsetNs);
  }

  // What a process is told by; "" where it has no such value.
  std::string ValueOf(pid_t pid, Dimension dimension) const {
    const Process* process = table_.Find(pid);
    if (process == nullptr) return "no process";
    const ValueId id = process->values[static_cast<size_t>(dimension)];
    return id == kNoValue ? "" : identities_.values(dimension).value(id).text;
  }
  std::string Program(pid_t pid) const { return ValueOf(pid, Dimension::kProgram); }
  const Identities& identities() const { return identities_; }

  Families Collect() const {
    static const StreamStats kStream;
    static const HostNumbers kHost;
    static const SideStats kMachine;
    const Cut cut{.stream = kStream,
                  .processes = table_,
                  .host = kHost,
                  .machine = kMachine,
                  .start_time_seconds = 1};
    Families families;
    for (const auto& collector : collectors_) collector->Collect(cut, families);
    families.Sort();
    return families;
  }
  // The page: values by "name{label="value",…}", or start times.
  std::map<std::string, double> Page(bool start_times = false) const {
    return PageOf(Collect(), start_times);
  }
  // 0 for a series that is not there.
  double Number(const std::string& series) const {
    const auto page = Page();
    const auto found = page.find(series);
    return found == page.end() ? 0 : found->second;
  }

  static constexpr int64_t kUnixOffsetNs = 1'000'000'000'000;
  static constexpr int64_t kIdleTimeoutNs = 60'000'000'000;

 private:
  WhoWorld(const Options& options, const Settings& settings)
      : identities_({true, true, true, true}, options.records_expected, settings, 0, kUnixOffsetNs),
        table_(10'000, *this) {
    const CollectorContext context{
        .identities = identities_, .settings = settings, .exit_records = {}, .kernel_log = {}};
    for (const CollectorSpec& spec : CollectorSpecs()) {
      for (const std::string_view name : options.collectors) {
        if (spec.name == name) collectors_.push_back(spec.create(context));
      }
    }
  }

  static Settings MakeSettings(const Options& options) {
    Settings settings;
    for (LabelPolicy& policy : settings.labels) {
      policy = {.limit = options.limit,
                .idle_timeout_ns = kIdleTimeoutNs,
                .remove_idle = false,
                .expected = {}};
    }
    settings.lineage = settings.labels[0];
    settings.program_rules = options.rules;
    return settings;
  }

  void Tell(Event event, pid_t tid, pid_t tgid, pid_t parent, const Evidence& evidence = {}) {
    Advance(1'000'000);
    event.timestamp_ns = now_ns_;
    event.tid = tid;
    event.tgid = tgid;
    event.parent_tid = parent;
    event.parent_tgid = parent;
    table_.Apply(event, evidence);
  }

  void OnChange(Change& change) override {
    identities_.Assign(change);
    for (const auto& collector : collectors_) {
      if (collector->Wants(change.type)) collector->OnChange(change);
    }
    identities_.Release(change);
  }

  int64_t now_ns_ = 0;
  Identities identities_;
  ProcessTable table_;
  std::vector<std::unique_ptr<Collector>> collectors_;
};

}  // namespace cnproc

#endif  // CNPROC_TESTS_COLLECTORS_WHO_WORLD_H_
