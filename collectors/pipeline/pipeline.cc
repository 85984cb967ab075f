// SPDX-License-Identifier: Apache-2.0
#include "collectors/pipeline/pipeline.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <utility>

#include "absl/status/statusor.h"
#include "collectors/base/time.h"

namespace cnproc {
namespace {

constexpr int64_t kTickNs = kNsPerSecond;
constexpr int64_t kStalledNs = 10 * kNsPerSecond;
// While the source is broken.
constexpr int64_t kRetryNs = 100 * kNsPerMs;
constexpr std::chrono::milliseconds kPagePatience(100);
// Pages of one round: a tenth of the time in which a storm fills the receive buffer.
constexpr std::chrono::milliseconds kMostPageTime(20);
// About 100 bytes each.
constexpr uint64_t kMaxTasks = 1u << 20;

size_t MaxTasks(const std::optional<ProcFs>& procfs) {
  if (!procfs) return kMaxTasks;
  return static_cast<size_t>(std::min(procfs->PidMax().value_or(kMaxTasks), kMaxTasks));
}

LedgerOptions MakeLedgerOptions(const PipelineOptions& options, const SideSources& side,
                                const std::optional<ProcFs>& procfs) {
  return {.collectors = options.collectors,
          .settings = options.settings,
          .kubelet_runtime = options.kubelet_runtime,
          .start_time_seconds = Seconds(RealtimeNs()),
          .max_tasks = MaxTasks(procfs),
          .max_exit_records = side.max_exit_records(),
          .exit_records = side.exit_records_status(),
          .kernel_log = side.kernel_log_status(),
          .usage = side.usage_status(),
          .identities = procfs ? absl::OkStatus() : side.processes_status(),
          .names = procfs ? absl::OkStatus() : side.names_status()};
}

bool NeedCgroups(const std::vector<const CollectorSpec*>& collectors) {
  return std::any_of(collectors.begin(), collectors.end(), [](const CollectorSpec* spec) {
    return spec->dimension == Dimension::kUnit || spec->dimension == Dimension::kContainer;
  });
}

uint64_t ExecsOf(const StreamStats& stats) { return stats.events[EventType::kExec]; }

void BlockAllSignals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

Pipeline::Pipeline(PipelineInputs inputs, const PipelineOptions& options)
    : procfs_(options.procfs_root ? std::make_optional<ProcFs>(*options.procfs_root)
                                  : std::nullopt),
      host_numbers_(procfs_),
      waker_(std::move(inputs.waker)),
      side_(std::move(inputs.side), *inputs.source),
      subscription_(std::move(inputs.source), procfs_ ? &*procfs_ : nullptr, options.say),
      ledger_(MakeLedgerOptions(options, side_, procfs_),
              Moment{subscription_.NowNs(), subscription_.UnixOffsetNs()}),
      incidents_(options.say) {
  if (!procfs_) return;
  reconciler_.emplace(
      *procfs_, side_, ledger_,
      Reconciler::Options{.with_cgroups = NeedCgroups(options.collectors), .say = options.say});
  if (side_.usage_status().ok()) {
    sampler_.emplace(side_, ledger_, options.sampling, subscription_.NowNs());
  }
}

Pipeline::~Pipeline() { Stop(); }

void Pipeline::Start() {
  thread_ = std::thread([this] {
    BlockAllSignals();
    Run();
  });
}

void Pipeline::Stop() {
  stopping_ = true;
  waker_.Wake();
  if (thread_.joinable()) thread_.join();
}

void Pipeline::Configure(const Settings& settings) {
  ledger_.Lock()->Configure(settings);
  configured_ = true;
}

void Pipeline::Gather(const std::function<bool(std::string_view)>& wanted, Families& families) {
  const HostNumbers host = host_numbers_.Read(subscription_.fork_baseline());
  const auto make_page = [&] {
    const Ledger::PageInputs inputs{.host = host,
                                    .makes_progress = MakesProgress(),
                                    .unix_offset_ns = subscription_.UnixOffsetNs()};
    ledger_.Lock()->Collect(inputs, wanted, families);
  };
  const auto wake = [this] { waker_.Wake(); };
  if (!scrapes_.AwaitPage(make_page, wake, kPagePatience)) make_page();
}

absl::Status Pipeline::Ready() {
  if (!MakesProgress()) return absl::UnavailableError("the collector thread makes no progress");
  return ledger_.Lock()->Ready();
}

bool Pipeline::MakesProgress() const { return MonotonicNs() - last_round_ns_ < kStalledNs; }

void Pipeline::Run() {
  subscription_.Begin();
  side_.SetRules(ledger_.Lock()->program_rules());
  if (reconciler_) {
    reconciler_->Request(ResyncReason::kStart);
  } else {
    // No scan says what lived before a recording: what it hears of later has appeared.
    ledger_.Lock()->Reconcile({}, {}, /*renaming=*/false);
  }
  Publish();
  while (!stopping_) {
    AwaitEvents();
    DoRound();
    last_round_ns_ = MonotonicNs();
  }
}

void Pipeline::AwaitEvents() {
  if (subscription_.is_broken()) {  // there is nothing to read from
    if (waker_.Sleep(kRetryNs)) waker_.Clear();
    return;
  }
  const int64_t wait_ns = WaitNs();
  // After an overrun the kernel drops everything until the queue is empty.
  if (wait_ns <= 0 || !caught_up_) return;
  int64_t gather_ns = execs_in_round_ ? Pace::kStormGatherNs : Pace::kForkStormGatherNs;
  // In a storm there is nothing to wait for.
  if (drained_ && !pace_.IsStorm()) {
    subscription_.Wait(waker_, wait_ns);
    gather_ns = pace_.GatherNs(MonotonicNs());
  }
  // A scrape does not wait for events to gather.
  bool woken = true;
  if (gather_ns > 0) woken = waker_.Sleep(std::min(gather_ns, wait_ns));
  if (woken) waker_.Clear();
}

int64_t Pipeline::WaitNs() {
  if (subscription_.wants_round_now() || (reconciler_ && reconciler_->is_busy()) ||
      (sampler_ && sampler_->is_busy())) {
    return 0;
  }
  const int64_t next_ns = std::min(next_tick_ns_, side_.NextLookNs().value_or(next_tick_ns_));
  return std::clamp<int64_t>(next_ns - subscription_.NowNs(), 0, kTickNs);
}

void Pipeline::DoRound() {
  // Whoever asks from here on has to wait for the next round: this one may have read already what
  // happens before they do.
  const bool scrapes_wait = scrapes_.BeginRound();
  if (configured_.exchange(false)) TakeSettings();
  const bool tick = subscription_.NowNs() >= next_tick_ns_;
  const uint64_t messages_before = subscription_.stats().messages;
  const uint64_t execs_before = ExecsOf(subscription_.stats());
  subscription_.BeginRound(/*thorough=*/scrapes_wait, tick);
  while (const std::optional<Batch> batch = subscription_.Next()) Deliver(*batch);
  OnOutcome(subscription_.EndRound());
  pace_.OnRound(MonotonicNs(), subscription_.stats().messages - messages_before);
  execs_in_round_ = ExecsOf(subscription_.stats()) > execs_before;
  if (tick) Tick();
  side_.LookAtChildren(subscription_.NowNs());
  Publish();
  if (caught_up_) scrapes_.ServePages(kMostPageTime);
  if (!scrapes_wait) Sample();
}

void Pipeline::TakeSettings() {
  side_.SetRules(ledger_.Lock()->program_rules());
  // Processes that live have names by the old ones.
  if (reconciler_) reconciler_->RequestRenaming();
}

// The system calls first, then what they said, with the lock held.
void Pipeline::Deliver(const Batch& batch) {
  const SideEvidence& evidence = side_.Gather(batch);
  const int64_t unix_offset_ns = subscription_.UnixOffsetNs();
  const int64_t now_ns = subscription_.NowNs();
  const auto ledger = ledger_.Lock();
  ledger->SetStream(subscription_.stats(), subscription_.status());
  ledger->Apply(batch, evidence, now_ns, unix_offset_ns);
}

void Pipeline::OnOutcome(const Subscription::Outcome& outcome) {
  drained_ = outcome.drained;
  caught_up_ = outcome.caught_up;
  if (outcome.gap) {
    const int64_t now_ns = subscription_.NowNs();
    side_.OnEventsLost(outcome.gap->to_ns);
    ledger_.Lock()->OnLoss(outcome.gap->from_ns, outcome.gap->to_ns, now_ns);
  }
  if (!outcome.renewed_why.empty()) incidents_.OnRenewal(outcome.renewed_why, MonotonicNs());
  if (reconciler_) Resync(outcome);
  incidents_.OnRound(subscription_.stats(), MonotonicNs());
}

void Pipeline::Resync(const Subscription::Outcome& outcome) {
  if (outcome.resync != ResyncReason::kNone) reconciler_->Request(outcome.resync);
  if (subscription_.is_broken()) return;
  const ResyncReason done = reconciler_->Step(outcome.caught_up, subscription_.NowNs());
  subscription_.CountResync(done);
  if (done != ResyncReason::kLoss && done != ResyncReason::kResubscribe) return;
  const Ledger::Corrections corrections = ledger_.Lock()->corrections();
  incidents_.OnResync(corrections, MonotonicNs());
}

void Pipeline::Tick() {
  const SideEvidence& evidence = side_.GatherAtTick();
  const Moment moment{subscription_.NowNs(), subscription_.UnixOffsetNs()};
  next_tick_ns_ = moment.now_ns + kTickNs;
  std::vector<Ledger::LabelUse> labels;
  {
    const auto ledger = ledger_.Lock();
    ledger->Tick(moment, caught_up_, evidence);
    labels = ledger->LabelUses();
  }
  incidents_.OnLabels(labels, MonotonicNs());
  if (sampler_) sampler_->OnTick(moment.now_ns);
}

void Pipeline::Sample() {
  if (!sampler_ || !caught_up_ || subscription_.is_broken() || reconciler_->is_busy()) return;
  sampler_->Step(subscription_.NowNs());
}

void Pipeline::Publish() {
  const int64_t delivered_until_ns = subscription_.delivered_until_ns();
  const auto ledger = ledger_.Lock();
  ledger->SetStream(subscription_.stats(), subscription_.status());
  if (delivered_until_ns > 0) ledger->OnTime(delivered_until_ns);
}

}  // namespace cnproc
