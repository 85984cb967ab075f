// SPDX-License-Identifier: Apache-2.0
// The numbers by program, unit, container and user, for what a test tells of processes.
#ifndef CNPROC_TESTS_COLLECTORS_WHO_WORLD_H_
#define CNPROC_TESTS_COLLECTORS_WHO_WORLD_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collectors/pipeline/ledger.h"
#include "collectors/registry.h"
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
  record.user_ticks_us = user_us;
  record.system_ticks_us = system_us;
  return record;
}

// A ledger, fed by hand. Time advances by a millisecond with every event.
class WhoWorld {
 public:
  struct Options {
    size_t limit = 10;
    bool records_expected = true;
    std::vector<std::string_view> collectors = {"program", "unit",      "container", "user",
                                                "lineage", "taskstats", "oom"};
    ProgramRules rules = {};
  };

  explicit WhoWorld(const Options& options) : ledger_(OptionsOf(options), {0, kUnixOffsetNs}) {}
  WhoWorld() : WhoWorld(Options{}) {}

  // The first scan: processes with their pid, comm, cgroup's path and parent.
  void Scan(const std::vector<ProcessSnapshot>& processes, const std::vector<ProcessFacts>& facts) {
    BeginScan();
    EndScan(processes, facts);
  }
  void BeginScan() { ledger_.BeginScan(now_ns_); }
  void EndScan(const std::vector<ProcessSnapshot>& processes,
               const std::vector<ProcessFacts>& facts) {
    ledger_.Reconcile(processes, facts, /*renaming=*/false);
  }
  // New settings, and the scan that they ask for.
  void Reload(const Options& options, const std::vector<ProcessSnapshot>& processes,
              const std::vector<ProcessFacts>& facts) {
    Configure(options);
    BeginScan();
    EndRenaming(processes, facts);
  }
  void Configure(const Options& options) { ledger_.Configure(OptionsOf(options).settings); }
  void EndRenaming(const std::vector<ProcessSnapshot>& processes,
                   const std::vector<ProcessFacts>& facts) {
    ledger_.Reconcile(processes, facts, /*renaming=*/true);
  }

  void Fork(pid_t child, pid_t parent) {
    Deliver({.type = EventType::kFork, .parent_tid = parent, .parent_tgid = parent}, child, child);
  }
  void ForkThread(pid_t tid, pid_t tgid) {
    Deliver({.type = EventType::kFork, .parent_tid = 1, .parent_tgid = 1}, tid, tgid);
  }
  // `record`: of its end, which has come already.
  void Exec(pid_t pid, const std::optional<ProcessFacts>& facts,
            const std::optional<ExitRecord>& record = std::nullopt) {
    SideEvidence evidence;
    evidence.execs.push_back(facts.value_or(ProcessFacts{}));
    Deliver({.type = EventType::kExec}, pid, pid, evidence, record);
  }
  void Exit(pid_t pid, uint32_t wait_status = 0,
            const std::optional<ExitRecord>& record = std::nullopt) {
    ExitThread(pid, pid, wait_status, record);
  }
  void ExitThread(pid_t tid, pid_t tgid, uint32_t wait_status = 0,
                  const std::optional<ExitRecord>& record = std::nullopt) {
    // Not reaped yet, as most are when their event is made.
    Deliver(
        {.type = EventType::kExit, .parent_tid = 1, .parent_tgid = 1, .wait_status = wait_status},
        tid, tgid, {}, record);
  }
  void SetUid(pid_t pid, uint32_t real, uint32_t effective) {
    Deliver({.type = EventType::kUid, .real_id = real, .effective_id = effective}, pid, pid);
  }
  // What a living process has used so far, by /proc, which says that it started then.
  void Sample(pid_t pid, const ProcessUse& use, int64_t start_ns = 0) {
    const UsageSample sample{.tgid = pid, .start_ns = start_ns, .use = use};
    ledger_.TakeSamples({&sample, 1});
  }
  int64_t now_ns() const { return now_ns_; }
  // Until nothing waits: no escalation for its exec, nobody who gave way with its id for its exit.
  void Settle() { Advance(2'000'000'000); }
  // The kernel's log says so, and no exit comes.
  void KillForMemory(pid_t tid, bool in_cgroup) {
    OomKill kill;
    kill.tid = tid;
    kill.in_cgroup = in_cgroup;
    SideEvidence evidence;
    evidence.kills.push_back(kill);
    Tick(evidence);
    Tick({});
  }
  void RefuseForks(const std::string& cgroup_path, uint64_t count) {
    SideEvidence evidence;
    evidence.refusals.push_back(
        {.who = IdentifyCgroupPath(cgroup_path, "containerd"), .count = count});
    Tick(evidence);
  }
  void Advance(int64_t ns) {
    now_ns_ += ns;
    Tick({});
  }

  // What a process is told by; "" where it has no such value.
  std::string ValueOf(pid_t pid, Dimension dimension) const {
    const Process* process = ledger_.table().Find(pid);
    if (process == nullptr) return "no process";
    const ValueId id = process->values[dimension];
    return id == kNoValue ? "" : identities().values(dimension).value(id).text;
  }
  std::string Program(pid_t pid) const { return ValueOf(pid, Dimension::kProgram); }
  const Identities& identities() const { return ledger_.identities(); }

  Families Collect() const {
    static const HostNumbers kHost;
    Families families;
    ledger_.Collect(
        {.host = kHost, .makes_progress = true, .unix_offset_ns = kUnixOffsetNs},
        [](std::string_view) { return true; }, families);
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

  static LedgerOptions OptionsOf(const Options& options) {
    LedgerOptions ledger;
    for (LabelPolicy& policy : ledger.settings.labels) {
      policy = {.limit = options.limit,
                .idle_timeout_ns = kIdleTimeoutNs,
                .remove_idle = false,
                .expected = {}};
    }
    ledger.settings.lineage = ledger.settings.labels[0];
    ledger.settings.program_rules = options.rules;
    ledger.kubelet_runtime = "containerd";
    ledger.start_time_seconds = 1;
    ledger.max_tasks = 10'000;
    ledger.max_exit_records = 1000;
    if (!options.records_expected) ledger.exit_records = absl::UnavailableError("none");
    for (const CollectorSpec& spec : CollectorSpecs()) {
      for (const std::string_view name : options.collectors) {
        if (spec.name == name) ledger.collectors.push_back(&spec);
      }
    }
    return ledger;
  }

  static constexpr int64_t kUnixOffsetNs = 1'000'000'000'000;
  static constexpr int64_t kIdleTimeoutNs = 60'000'000'000;

 private:
  void Deliver(Event event, pid_t tid, pid_t tgid, SideEvidence evidence = {},
               const std::optional<ExitRecord>& record = std::nullopt) {
    now_ns_ += 1'000'000;
    event.timestamp_ns = now_ns_;
    event.tid = tid;
    event.tgid = tgid;
    if (record) evidence.exit_records.push_back(*record);
    evidence.exit_records_read_ns = now_ns_;
    ledger_.Apply({.events = {&event, 1}, .received_ns = now_ns_}, evidence, now_ns_,
                  kUnixOffsetNs);
  }
  void Tick(const SideEvidence& evidence) {
    ledger_.Tick({now_ns_, kUnixOffsetNs}, /*caught_up=*/true, evidence);
  }

  int64_t now_ns_ = 0;
  Ledger ledger_;
};

}  // namespace cnproc

#endif  // CNPROC_TESTS_COLLECTORS_WHO_WORLD_H_
