// SPDX-License-Identifier: Apache-2.0
#include "collectors/pipeline/ledger.h"

#include <chrono>
#include <utility>

#include "collectors/base/time.h"
#include "collectors/metrics/family_writer.h"

namespace cnproc {
namespace {

constexpr size_t kMaxKillsHeld = 1000;
// Of one whose EXIT never comes.
constexpr int64_t kRecordMaxAgeNs = 60 * kNsPerSecond;

Identities::Wanted WantedDimensions(const std::vector<const CollectorSpec*>& collectors) {
  Identities::Wanted wanted{};
  for (const CollectorSpec* spec : collectors) {
    if (spec->dimension) wanted[*spec->dimension] = true;
  }
  return wanted;
}

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

Ledger::Ledger(const LedgerOptions& options, Moment moment)
    : kubelet_runtime_(options.kubelet_runtime),
      can_identify_(options.identities),
      can_name_(options.names),
      start_time_seconds_(options.start_time_seconds),
      table_(options.max_tasks, *this),
      identities_(WantedDimensions(options.collectors), options.exit_records.ok(), options.settings,
                  moment.now_ns, moment.unix_offset_ns),
      exit_records_(options.max_exit_records, kRecordMaxAgeNs),
      subscription_(absl::UnavailableError("the collector thread has not begun")) {
  const CollectorContext context{.identities = identities_,
                                 .settings = options.settings,
                                 .exit_records = options.exit_records,
                                 .kernel_log = options.kernel_log,
                                 .usage = options.usage,
                                 .began_ns = moment.now_ns};
  for (const CollectorSpec* spec : options.collectors) {
    collectors_.push_back({spec, spec->create(context)});
    Collector& collector = *collectors_.back().collector;
    for (size_t type = 0; type < Change::kTypeCount; ++type) {
      if (collector.Wants(static_cast<Change::Type>(type))) listeners_[type].push_back(&collector);
    }
  }
}

void Ledger::Configure(const Settings& settings) {
  identities_.Configure(settings);
  for (Enabled& enabled : collectors_) enabled.collector->Configure(settings);
}

void Ledger::Apply(const Batch& batch, const SideEvidence& evidence, int64_t applied_ns,
                   int64_t unix_offset_ns) {
  identities_.AdvanceTo(batch.received_ns, unix_offset_ns);
  Take(evidence);
  for (Enabled& enabled : collectors_) enabled.collector->OnEvents(batch.events, applied_ns);
  ApplyEvents(batch.events, evidence.execs, batch.received_ns);
  table_.EmitDue(batch.received_ns);
}

void Ledger::Tick(Moment moment, bool caught_up, const SideEvidence& evidence) {
  identities_.AdvanceTo(moment.now_ns, moment.unix_offset_ns);
  table_.EmitDue(moment.now_ns);
  if (caught_up || kills_.size() > kMaxKillsHeld) {
    for (const OomKill& kill : std::exchange(kills_, {})) NotifyKill(kill);
  }
  Take(evidence);
}

void Ledger::TakeSamples(std::span<const UsageSample> samples) {
  for (const UsageSample& sample : samples) {
    Process* process = table_.FindByTask(sample.tgid);
    // The id may be another's by now.
    if (process == nullptr || process->tgid != sample.tgid ||
        !ProcessTable::IsSame(*process, sample.start_ns)) {
      continue;
    }
    Change change{.type = Change::Type::kSampled, .process = process, .use = &sample.use};
    OnChange(change);
  }
}

void Ledger::OnLoss(int64_t from_ns, int64_t to_ns, int64_t now_ns) {
  records_suspect_until_ns_ = now_ns + kRecordMaxAgeNs;
  for (Enabled& enabled : collectors_) enabled.collector->OnLoss(from_ns, to_ns);
}

void Ledger::OnTime(int64_t until_ns) {
  for (Enabled& enabled : collectors_) enabled.collector->OnTime(until_ns);
}

void Ledger::SetStream(const StreamStats& stats, const absl::Status& subscription) {
  stream_stats_ = stats;
  subscription_ = subscription;
}

void Ledger::BeginScan(int64_t now_ns) {
  table_.BeginScan(now_ns);
  identities_.OnScanBegin();
}

void Ledger::AbandonScan() {
  table_.AbandonScan();
  identities_.OnScanEnd();
}

void Ledger::Reconcile(std::span<const ProcessSnapshot> snapshots,
                       std::span<const ProcessFacts> facts, bool renaming) {
  BeginReconcile(snapshots, facts);
  ReconcileSome(snapshots, facts, renaming);
  EndReconcile();
}

void Ledger::BeginReconcile(std::span<const ProcessSnapshot> snapshots,
                            std::span<const ProcessFacts> facts) {
  corrections_ = {};
  if (!std::exchange(scanned_, true)) identities_.InternMostCommon(snapshots, facts);
}

void Ledger::ReconcileSome(std::span<const ProcessSnapshot> snapshots,
                           std::span<const ProcessFacts> facts, bool renaming) {
  identities_.SetRenaming(renaming);
  table_.ReconcileSome(snapshots, facts);
  identities_.SetRenaming(false);
}

void Ledger::EndReconcile() {
  table_.EndReconcile();
  identities_.OnScanEnd();
  scan_status_ = absl::OkStatus();
}

void Ledger::GoOnWithoutScan(const absl::Status& why) {
  table_.AbandonScan();
  scan_status_ = why;
  if (!table_.is_complete()) table_.Reconcile({}, {});
}

void Ledger::Take(const SideEvidence& evidence) {
  side_stats_ = evidence.stats;
  if (evidence.exit_records_lost) {
    records_suspect_until_ns_ = identities_.now_ns() + kRecordMaxAgeNs;
  }
  for (const ExitRecord& record : evidence.exit_records) {
    exit_records_.Push(record, evidence.exit_records_read_ns);
  }
  kills_.insert(kills_.end(), evidence.kills.begin(), evidence.kills.end());
  for (const Refusals& refusals : evidence.refusals) NotifyRefusals(refusals);
}

void Ledger::ApplyEvents(std::span<const Event> events, std::span<const ProcessFacts> execs,
                         int64_t received_ns) {
  for (const Event& event : events) {
    if (event.type == EventType::kExit) {
      ApplyExit(event, received_ns);
      continue;
    }
    Evidence evidence;
    if (event.type == EventType::kExec) {
      if (!execs.empty()) {
        evidence.facts = &execs.front();
        execs = execs.subspan(1);
      }
      evidence.exec_record =
          exit_records_.Peek(table_.LifeOf(event), RecordsAreLossless(received_ns));
    }
    table_.Apply(event, evidence);
  }
}

void Ledger::ApplyExit(const Event& event, int64_t received_ns) {
  NotifyKillsOf(event.tid);
  const TaskLife task = table_.LifeOf(event);
  std::optional<int64_t> lifetime_us;
  if (!RecordsAreLossless(received_ns) && task.start_ns != kUnknownStart) {
    lifetime_us = (event.timestamp_ns - task.start_ns) / 1000;
  }
  const std::optional<ExitRecord> record = exit_records_.Take(task, lifetime_us);
  table_.Apply(event, {.exit_record = record ? &*record : nullptr});
}

void Ledger::OnChange(Change& change) {
  if (change.type == Change::Type::kProcessAppeared) ++corrections_.appeared;
  if (change.type == Change::Type::kProcessVanished) ++corrections_.vanished;
  identities_.Assign(change);
  for (Collector* listener : listeners_[static_cast<size_t>(change.type)]) {
    listener->OnChange(change);
  }
  identities_.Release(change);
}

void Ledger::NotifyKillsOf(pid_t tid) {
  if (kills_.empty()) return;
  for (const OomKill& kill : kills_) {
    if (kill.tid == tid) NotifyKill(kill);
  }
  std::erase_if(kills_, [tid](const OomKill& kill) { return kill.tid == tid; });
}

void Ledger::NotifyKill(const OomKill& kill) {
  // Of a process that is not known its cgroup still tells.
  Process nobody;
  Process* process = table_.FindByTask(kill.tid);
  if (process == nullptr) {
    nobody.values = identities_.ValuesOf(IdentifyCgroupPath(kill.cgroup_path, kubelet_runtime_));
    process = &nobody;
  }
  Change change{
      .type = Change::Type::kOomKilled, .oom_in_cgroup = kill.in_cgroup, .process = process};
  OnChange(change);
}

void Ledger::NotifyRefusals(const Refusals& refusals) {
  const auto values = identities_.ValuesOf(refusals.who);
  for (const Dimension dimension : {Dimension::kUnit, Dimension::kContainer}) {
    const ValueId value = values[dimension];
    if (value == kNoValue) continue;
    for (Enabled& enabled : collectors_) {
      enabled.collector->OnForkRefusals(dimension, value, refusals.count);
    }
  }
}

absl::Status Ledger::Ready() const {
  if (!subscription_.ok() || table_.is_complete()) return subscription_;
  return absl::UnavailableError("the first scan of /proc is not done");
}

absl::Status Ledger::CollectorWorking(std::string_view name) const {
  for (const Enabled& enabled : collectors_) {
    if (enabled.spec->name == name) return Working(enabled);
  }
  return absl::OkStatus();
}

absl::Status Ledger::Working(const Enabled& enabled) const {
  if (const std::optional<Dimension> dimension = enabled.spec->dimension) {
    const absl::Status& can = dimension == Dimension::kProgram ? can_name_ : can_identify_;
    if (!can.ok()) return can;
  }
  if (enabled.spec->reads_processes && !scan_status_.ok()) return scan_status_;
  return enabled.collector->Working();
}

std::vector<Ledger::LabelUse> Ledger::LabelUses() const {
  std::vector<LabelUse> uses;
  for (const Enabled& enabled : collectors_) {
    const LabelValues* labels = enabled.collector->labels();
    if (labels == nullptr) continue;
    uses.push_back({.collector = enabled.spec->name,
                    .limit = labels->limit(),
                    .overflows = labels->overflows()});
  }
  return uses;
}

void Ledger::Collect(const PageInputs& inputs, absl::FunctionRef<bool(std::string_view)> wanted,
                     Families& families) const {
  const Cut cut{.stream = stream_stats_,
                .processes = table_,
                .host = inputs.host,
                .side = side_stats_,
                .up = inputs.makes_progress && Ready().ok(),
                .unix_offset_ns = inputs.unix_offset_ns,
                .start_time_seconds = start_time_seconds_};
  FamilyWriter durations = FamilyWriter::Gauge(families, "cnproc_scrape_collector_duration_seconds",
                                               "How long the collector took.");
  FamilyWriter successes =
      FamilyWriter::Gauge(families, "cnproc_scrape_collector_success",
                          "1 if the collector works, 0 if it was asked for and cannot.");
  for (const Enabled& enabled : collectors_) {
    if (!wanted(enabled.spec->name)) continue;
    const std::array labels = {LabelView{"collector", enabled.spec->name}};
    const auto start = std::chrono::steady_clock::now();
    enabled.collector->Collect(cut, families);
    durations.Add(SecondsSince(start), labels);
    successes.Add(Working(enabled).ok() ? 1 : 0, labels);
  }
}

}  // namespace cnproc
