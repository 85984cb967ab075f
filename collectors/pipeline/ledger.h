// SPDX-License-Identifier: Apache-2.0
// All numbers of the exporter: what happened to which process, and what every collector counted.
#ifndef CNPROC_COLLECTORS_PIPELINE_LEDGER_H_
#define CNPROC_COLLECTORS_PIPELINE_LEDGER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "collectors/base/pid.h"
#include "collectors/collector.h"
#include "collectors/cut.h"
#include "collectors/pipeline/event_stream.h"
#include "collectors/pipeline/side_evidence.h"
#include "collectors/process/exit_record_queue.h"
#include "collectors/process/process_table.h"
#include "collectors/who/identities.h"
#include "collectors/who/settings.h"

namespace cnproc {

struct LedgerOptions {
  std::vector<const CollectorSpec*> collectors;  // the enabled ones
  Settings settings;                             // until Configure gives others
  std::string kubelet_runtime;                   // see IdentifyCgroup
  double start_time_seconds = 0;                 // Unix time at which counting begins
  size_t max_tasks = 0;                          // see ProcessTable
  size_t max_exit_records = 0;                   // that wait for their events
  // OK, or why the source is not there: collectors that need it say so.
  absl::Status exit_records;
  absl::Status kernel_log;
  absl::Status usage;       // whether what living processes use can be read
  absl::Status identities;  // not OK in a replay: processes have no unit, container or user
  absl::Status names;       // OK in a replay too, if the recording has the names of programs
};

// One moment by the events' clock, and Unix time less that clock.
struct Moment {
  int64_t now_ns = 0;
  int64_t unix_offset_ns = 0;
};

// Pure: takes no lock, makes no system call, and reads no clock but to time collectors. External
// synchronisation is required. Between any two calls
// - appeared + forked - ended - vanished = alive (see ProcessTable), and
// - all collectors have been notified of the same changes.
// So Collect may be called at any time, and every page is one consistent cut.
class Ledger final : private ChangeSink {
 public:
  Ledger(const LedgerOptions& options, Moment moment);

  // Label values that stay keep what was counted for them.
  void Configure(const Settings& settings);
  const ProgramRules& program_rules() const { return identities_.rules(); }

  // A batch of the stream, with what was gathered for it. `applied_ns` is now.
  void Apply(const Batch& batch, const SideEvidence& evidence, int64_t applied_ns,
             int64_t unix_offset_ns);
  // Once a second, with what was gathered since. `caught_up`: nothing waits in the life socket, so
  // the EXIT of every process that has ended by now was applied.
  void Tick(Moment moment, bool caught_up, const SideEvidence& evidence);
  // What living processes have used. Every event until then was applied that was there when it was
  // read.
  void TakeSamples(std::span<const UsageSample> samples);
  // Life events between these two (the events' clock) were lost. Known at `now_ns`.
  void OnLoss(int64_t from_ns, int64_t to_ns, int64_t now_ns);
  // Every event with a timestamp until then was applied, or reported as lost.
  void OnTime(int64_t until_ns);
  // The stream's own numbers, which include all batches applied until now, and OK if it is
  // subscribed, else why not.
  void SetStream(const StreamStats& stats, const absl::Status& subscription);

  // The comparison of the table with /proc, see ProcessTable. The first one gives label values to
  // all living processes; where there is not room for all values, those with the most processes get
  // it.
  void BeginScan(int64_t now_ns);
  void AbandonScan();
  bool scan_is_bounded() const { return table_.scan_is_bounded(); }
  // `renaming`: the facts are by new rules, which name processes anew that have a name.
  void Reconcile(std::span<const ProcessSnapshot> snapshots, std::span<const ProcessFacts> facts,
                 bool renaming = false);
  // The same in pieces, with no event in between: Begin gets all snapshots, ReconcileSome some at a
  // time.
  void BeginReconcile(std::span<const ProcessSnapshot> snapshots,
                      std::span<const ProcessFacts> facts);
  void ReconcileSome(std::span<const ProcessSnapshot> snapshots,
                     std::span<const ProcessFacts> facts, bool renaming);
  void EndReconcile();
  // What the latest comparison found: processes whose fork, or whose end, no event had told.
  struct Corrections {
    uint64_t appeared = 0;
    uint64_t vanished = 0;
  };
  const Corrections& corrections() const { return corrections_; }
  // The table cannot be compared with /proc, for this reason. Processes that live already enter the
  // table once an event is about them.
  void GoOnWithoutScan(const absl::Status& why);

  // OK while the stream is subscribed and the table is complete; else why not.
  absl::Status Ready() const;
  // OK, or why a collector cannot work. Unknown names are OK.
  absl::Status CollectorWorking(std::string_view name) const;
  // Whether /proc could be scanned when it was last tried.
  const absl::Status& scan_status() const { return scan_status_; }

  // How full the labels are of each collector that has some.
  struct LabelUse {
    std::string_view collector;
    size_t limit = 0;
    uint64_t overflows = 0;  // since the start
  };
  std::vector<LabelUse> LabelUses() const;

  // What a page needs from outside.
  struct PageInputs {
    const HostNumbers& host;
    bool makes_progress = false;  // the collector thread does
    int64_t unix_offset_ns = 0;
  };
  // The families of those collectors that `wanted` accepts, and how long each took and whether it
  // works, appended to `families`.
  void Collect(const PageInputs& inputs, absl::FunctionRef<bool(std::string_view)> wanted,
               Families& families) const;

  const ProcessTable& table() const { return table_; }
  const Identities& identities() const { return identities_; }

 private:
  struct Enabled {
    const CollectorSpec* spec;
    std::unique_ptr<Collector> collector;
  };

  void OnChange(Change& change) override;

  void Take(const SideEvidence& evidence);
  void ApplyEvents(std::span<const Event> events, std::span<const ProcessFacts> execs,
                   int64_t received_ns);
  void ApplyExit(const Event& event, int64_t received_ns);
  // Where nothing was lost the order of exit records alone is exact.
  bool RecordsAreLossless(int64_t now_ns) const { return now_ns >= records_suspect_until_ns_; }
  void NotifyKillsOf(pid_t tid);
  void NotifyKill(const OomKill& kill);
  void NotifyRefusals(const Refusals& refusals);
  absl::Status Working(const Enabled& enabled) const;

  const std::string kubelet_runtime_;
  const absl::Status can_identify_;
  const absl::Status can_name_;
  const double start_time_seconds_;
  ProcessTable table_;
  Identities identities_;
  std::vector<Enabled> collectors_;
  // By the type of change: who wants to be notified.
  std::array<std::vector<Collector*>, Change::kTypeCount> listeners_;
  StreamStats stream_stats_;
  SideStats side_stats_;
  ExitRecordQueue exit_records_;
  // Something was lost: until then a record may be that of an earlier process with the same id.
  int64_t records_suspect_until_ns_ = 0;
  // Read from the log, and collectors not notified yet: the log may be ahead of the events.
  std::vector<OomKill> kills_;
  absl::Status subscription_;
  absl::Status scan_status_;
  Corrections corrections_;
  bool scanned_ = false;  // once, and so those with most processes have their values
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PIPELINE_LEDGER_H_
