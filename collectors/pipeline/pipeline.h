// SPDX-License-Identifier: Apache-2.0
// One thread that reads the stream and owns every number of it; scrapes copy under its lock.
#ifndef CNPROC_COLLECTORS_PIPELINE_PIPELINE_H_
#define CNPROC_COLLECTORS_PIPELINE_PIPELINE_H_

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "collectors/base/mutex.h"
#include "collectors/base/notify.h"
#include "collectors/collector.h"
#include "collectors/kernel/datagram_source.h"
#include "collectors/kernel/procfs.h"
#include "collectors/pipeline/event_stream.h"
#include "collectors/pipeline/fork_audit.h"
#include "collectors/pipeline/pace.h"
#include "collectors/pipeline/resync_schedule.h"
#include "collectors/pipeline/side_sources.h"
#include "collectors/process/process_table.h"
#include "collectors/who/identities.h"
#include "collectors/who/settings.h"

namespace cnproc {

struct PipelineOptions {
  std::vector<const CollectorSpec*> collectors;  // the enabled ones
  // Absent in a replay: then nothing of the machine is read.
  std::optional<std::string> procfs_root;
  uint32_t receive_buffer_bytes = 0;  // as granted, for the page
  std::string kubelet_runtime;        // see IdentifyCgroup
  Settings settings;                  // until Configure gives others
  Notify notify;
};

// Every public method may be called from any thread.
class Pipeline final : private BatchSink, private ChangeSink {
 public:
  // `source` is subscribed. `machine` has nothing in a replay.
  Pipeline(std::unique_ptr<DatagramSource> source, SideInputs machine, PipelineOptions options);
  ~Pipeline() override;

  void Start();
  void Stop();

  // Replaces the settings. Label values that stay keep what was counted for them.
  void Configure(const Settings& settings);

  // One consistent cut of the collectors that `wanted` accepts, taken at a moment at which both
  // sockets were drained (or, should the collector thread not get there within 100 ms, at the last
  // batch boundary), appended to `families`. With it, for each of them, how long it took and
  // whether it works.
  void Gather(const std::function<bool(std::string_view)>& wanted, Families& families);
  // OK while cnproc_up is 1, else why not.
  absl::Status Ready();
  // Whether the thread has been round within the last seconds, subscribed or not.
  bool MakesProgress() const;
  // OK, or why a collector cannot work. Unknown names are OK.
  absl::Status CollectorWorking(std::string_view name);

 private:
  struct Enabled {
    const CollectorSpec* spec;
    std::unique_ptr<Collector> collector;
  };
  void OnBatch(std::span<const Event> events, int64_t received_ns,
               const StreamStats& stats) override CNPROC_EXCLUDES(mutex_);
  void OnChange(Change& change) override CNPROC_REQUIRES(mutex_);

  // All of the following, up to the next comment, run in the collector thread.
  void Run();
  void DoRound();
  // Every reading of the stream: what was lost is told to whoever must know.
  absl::StatusOr<Round> ReadStream(bool thorough) CNPROC_EXCLUDES(mutex_);
  void TellLifeLoss(int64_t from_ns) CNPROC_EXCLUDES(mutex_);
  // All events until then have been told, or told to be lost.
  int64_t ToldUntilNs() const;
  void TellTime() CNPROC_REQUIRES(mutex_);
  void AwaitEvents();
  int64_t WaitNs() const;
  void Tick();
  void TellEnd(const absl::Status& ended);
  void Apply(std::span<const Event> events, int64_t now_ns) CNPROC_REQUIRES(mutex_);
  void ApplyExit(const Event& event, int64_t now_ns) CNPROC_REQUIRES(mutex_);
  void TakeFromMachine() CNPROC_REQUIRES(mutex_);
  void TellKillsOf(pid_t tid) CNPROC_REQUIRES(mutex_);
  void TellKill(const OomKill& kill) CNPROC_REQUIRES(mutex_);
  void TellRefusals(const Refusals& refusals) CNPROC_REQUIRES(mutex_);
  void OfferCut(uint64_t requested) CNPROC_EXCLUDES(mutex_);
  void UpdateReady() CNPROC_EXCLUDES(mutex_);

  void SetForkBaseline();
  void AuditForks();
  std::optional<ForkAudit> ReadForkAudit();
  void RestartMuteWatch(const ForkAudit& audit);
  void AccountForUnsubscribed(const ForkAudit& audit);
  bool Resubscribe(bool renew, const std::string& why);
  void OnSubscribed();

  void BeginScan();
  void GoOnWithoutScan(const absl::Status& why) CNPROC_EXCLUDES(mutex_);
  void AbandonScan() CNPROC_EXCLUDES(mutex_);
  void ContinueScan(bool life_drained);
  void FinishScan();

  // Those of scrapes run in the threads of the web server.
  HostNumbers ReadHostNumbers() const;
  void AwaitCut() CNPROC_REQUIRES(mutex_);
  absl::Status Working(const Enabled& enabled) const CNPROC_REQUIRES(mutex_);
  void CollectAll(const std::function<bool(std::string_view)>& wanted, const HostNumbers& host,
                  Families& families) CNPROC_REQUIRES(mutex_);
  void Wake() const;

  const PipelineOptions options_;
  const std::optional<ProcFs> procfs_;
  const double start_time_seconds_;
  const int wake_fd_;
  const bool scan_cgroups_;
  const std::optional<uint64_t> oom_kills_at_start_;

  // The collector thread's own.
  const std::unique_ptr<DatagramSource> source_;
  EventStream stream_;
  SideSources side_;
  Pace pace_;
  bool caught_up_ = true;  // with the life socket; under a flood of attributes the other never is
  uint64_t execs_in_round_ = 0;
  bool drained_ = true;          // by the last round
  int64_t life_drained_ns_ = 0;  // when the life socket was last empty
  int64_t next_tick_ns_ = 0;
  MuteWatch mute_watch_;
  int64_t forks_agreed_ns_ = 0;  // when the fork audit last agreed
  bool unsubscribed_ = false;    // for a while whose forks are not accounted for yet
  bool source_failed_ = false;
  bool end_told_ = false;
  ResyncSchedule resync_;
  std::unique_ptr<ProcessScan> scan_;
  std::vector<ProcessFacts> scan_facts_;  // parallel to scan_->processes()
  bool scanned_once_ = false;
  absl::Status subscription_;  // OK while it is in force
  bool scan_read_ = false;
  int64_t scan_start_ns_ = 0;
  std::thread thread_;

  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> cuts_requested_{0};
  std::atomic<int64_t> last_round_ns_{0};
  static constexpr uint64_t kNoBaseline = UINT64_MAX;
  std::atomic<uint64_t> fork_baseline_{kNoBaseline};  // of /proc/stat, where counting began

  mutable Mutex mutex_;
  std::condition_variable_any cut_offered_;
  std::condition_variable_any cut_taken_;
  uint64_t cut_ CNPROC_GUARDED_BY(mutex_) = 0;          // requests up to this one may be served
  uint64_t cuts_served_ CNPROC_GUARDED_BY(mutex_) = 0;  // or given up
  StreamStats stats_ CNPROC_GUARDED_BY(mutex_);
  SideStats side_stats_ CNPROC_GUARDED_BY(mutex_);
  ProgramRules program_rules_ CNPROC_GUARDED_BY(mutex_);
  ProcessTable table_ CNPROC_GUARDED_BY(mutex_);
  std::vector<OomKill> kills_ CNPROC_GUARDED_BY(mutex_);  // read, not told yet
  Identities identities_ CNPROC_GUARDED_BY(mutex_);
  std::vector<Enabled> collectors_ CNPROC_GUARDED_BY(mutex_);
  // By the type of change: who wants to be told.
  std::array<std::vector<Collector*>, Change::kTypeCount> listeners_ CNPROC_GUARDED_BY(mutex_);
  absl::Status ready_ CNPROC_GUARDED_BY(mutex_);
  absl::Status procfs_status_ CNPROC_GUARDED_BY(mutex_);  // whether the newest scan could begin
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PIPELINE_PIPELINE_H_
