// SPDX-License-Identifier: Apache-2.0
// From a datagram to the numbers, and from the numbers to a page.
#ifndef CNPROC_COLLECTORS_PIPELINE_PIPELINE_H_
#define CNPROC_COLLECTORS_PIPELINE_PIPELINE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "collectors/base/log_sink.h"
#include "collectors/base/mutex.h"
#include "collectors/collector.h"
#include "collectors/kernel/datagram_source.h"
#include "collectors/kernel/procfs.h"
#include "collectors/kernel/waker.h"
#include "collectors/pipeline/host_numbers.h"
#include "collectors/pipeline/incident_log.h"
#include "collectors/pipeline/ledger.h"
#include "collectors/pipeline/pace.h"
#include "collectors/pipeline/reconciler.h"
#include "collectors/pipeline/scrape_queue.h"
#include "collectors/pipeline/side_sources.h"
#include "collectors/pipeline/subscription.h"
#include "collectors/pipeline/usage_sampler.h"

namespace cnproc {

struct PipelineOptions {
  std::vector<const CollectorSpec*> collectors;  // the enabled ones
  // Absent in a replay: then nothing of the machine is read.
  std::optional<std::string> procfs_root;
  std::string kubelet_runtime;  // see IdentifyCgroup
  Settings settings;            // until Configure gives others
  SamplingOptions sampling;
  LogSink say;
};

// What the machine gives, opened.
struct PipelineInputs {
  std::unique_ptr<DatagramSource> source;  // subscribed
  SideInputs side;                         // nothing in a replay
  Waker waker;
};

// One thread, the collector thread, reads the stream and writes every number; a round is
//   wait → read both sockets → for each batch: gather what belongs to it, then, with the lock held,
//   apply it → once a second: audit, tick → a step of the comparison with /proc → pages → a step of
//   sampling.
// The lock is held for one bounded batch, one step of a comparison or one page, and never across a
// system call. Every public method may be called from any thread.
class Pipeline final {
 public:
  Pipeline(PipelineInputs inputs, const PipelineOptions& options);
  ~Pipeline();

  void Start();
  void Stop();

  // Replaces the settings. Label values that stay keep what was counted for them.
  void Configure(const Settings& settings);

  // Appends to `families` one consistent cut of the collectors that `wanted` accepts and, for each
  // of them, how long it took and whether it works. The cut is taken in the collector thread, in a
  // round that began after the call and has left nothing in the life socket; if the thread does not
  // get there within 100 ms, in the calling thread, at the last batch boundary. `wanted` is called
  // in either.
  void Gather(const std::function<bool(std::string_view)>& wanted, Families& families);
  // OK while cnproc_up is 1, else why not.
  absl::Status Ready();
  // Whether the collector thread has completed a round within the last 10 s, subscribed or not.
  bool MakesProgress() const;
  // OK, or why a collector cannot work. Unknown names are OK.
  absl::Status CollectorWorking(std::string_view name) {
    return ledger_.Lock()->CollectorWorking(name);
  }

 private:
  // All of the following run in the collector thread.
  void Run();
  void AwaitEvents();
  int64_t WaitNs();
  void DoRound();
  void TakeSettings();
  void Deliver(const Batch& batch);
  void OnOutcome(const Subscription::Outcome& outcome);
  void Resync(const Subscription::Outcome& outcome);
  void Tick();
  void Publish();
  void Sample();

  const std::optional<ProcFs> procfs_;
  const HostNumbersReader host_numbers_;
  const Waker waker_;
  SideSources side_;
  Subscription subscription_;
  Guarded<Ledger> ledger_;
  std::optional<Reconciler> reconciler_;  // absent in a replay
  std::optional<UsageSampler> sampler_;   // absent where usage cannot be read
  ScrapeQueue scrapes_;

  // The collector thread's own.
  IncidentLog incidents_;
  Pace pace_;
  bool drained_ = true;    // the last round left both sockets empty
  bool caught_up_ = true;  // it left the life socket empty; in a flood of attributes only that
  bool execs_in_round_ = false;
  int64_t next_tick_ns_ = 0;
  std::thread thread_;

  std::atomic<bool> stopping_{false};
  std::atomic<bool> configured_{false};  // new settings are in force
  std::atomic<int64_t> last_round_ns_{0};
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PIPELINE_PIPELINE_H_
