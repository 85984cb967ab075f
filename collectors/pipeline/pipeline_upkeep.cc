// SPDX-License-Identifier: Apache-2.0
// What keeps the pipeline's view true: the audit of forks, the renewal of the subscription, and the
// reconciliation of the process table with /proc. All of it runs in the collector thread.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "collectors/base/time.h"
#include "collectors/pipeline/pipeline.h"

namespace cnproc {
namespace {

constexpr size_t kScanStep = 32;
constexpr int kBaselineTries = 50;

}  // namespace

// ---- The subscription ----

void Pipeline::OnSubscribed() {
  if (absl::Status status = stream_.OnSubscribed(/*probe=*/procfs_.has_value()); !status.ok()) {
    options_.notify(Severity::kWarn, std::string(status.message()));
  }
  stream_.stats().subscribed = true;
  source_failed_ = false;
  subscription_ = absl::OkStatus();
  UpdateReady();
}

void Pipeline::UpdateReady() {
  MutexLock lock(mutex_);
  ready_ = subscription_;
  if (ready_.ok() && !table_.is_complete()) {
    ready_ = absl::UnavailableError("the first scan of /proc is not done");
  }
}

// On a machine that never pauses it may take some readings until they leave one number only.
void Pipeline::SetForkBaseline() {
  ForkOffset offset;
  for (int i = 0; i < kBaselineTries && !offset.exact(); ++i) {
    const std::optional<ForkAudit> audit = ReadForkAudit();
    if (!audit) continue;
    const absl::StatusOr<uint64_t> kernel_forks_after = procfs_->TotalForks();
    if (!kernel_forks_after.ok()) continue;
    offset.Narrow(*audit, *kernel_forks_after);
    mute_watch_.Restart(offset.most(), audit->lost);
    fork_baseline_ = static_cast<uint64_t>(offset.most());
  }
}

// What was lost excuses no fork from now on.
void Pipeline::RestartMuteWatch(const ForkAudit& audit) {
  const absl::StatusOr<uint64_t> kernel_forks_after = procfs_->TotalForks();
  if (!kernel_forks_after.ok()) return;
  ForkOffset offset;
  offset.Narrow(audit, *kernel_forks_after);
  mute_watch_.Restart(offset.most(), audit.lost);
}

std::optional<ForkAudit> Pipeline::ReadForkAudit() {
  const absl::StatusOr<uint64_t> kernel_forks = procfs_->TotalForks();
  if (!kernel_forks.ok()) return std::nullopt;
  const absl::StatusOr<Round> round = ReadStream(/*thorough=*/false);
  if (!round.ok() || !round->life_drained) return std::nullopt;
  const StreamStats& stats = stream_.stats();
  return ForkAudit{.kernel_forks = *kernel_forks,
                   .forks_seen = stats.events[static_cast<size_t>(EventType::kFork)],
                   .lost = stats.lost() - stats.dropped[static_cast<size_t>(SocketId::kAttribute)],
                   .messages = stats.messages};
}

void Pipeline::AuditForks() {
  if (source_failed_) {
    Resubscribe(/*renew=*/true, "the stream is still broken");
    return;
  }
  // The start found no moment to set it.
  if (fork_baseline_ == kNoBaseline) SetForkBaseline();
  const std::optional<ForkAudit> audit = ReadForkAudit();
  if (!audit) return;
  if (unsubscribed_) AccountForUnsubscribed(*audit);
  if (mute_watch_.IsMuted(*audit)) {
    Resubscribe(/*renew=*/false, "forks happen and no event comes");
  } else if (!mute_watch_.suspects()) {
    forks_agreed_ns_ = life_drained_ns_;
    if (mute_watch_.is_excused(*audit)) RestartMuteWatch(*audit);
  }
}

void Pipeline::AccountForUnsubscribed(const ForkAudit& audit) {
  stream_.stats().forks_unsubscribed += mute_watch_.Unaccounted(audit);
  unsubscribed_ = false;
  RestartMuteWatch(audit);
}

bool Pipeline::Resubscribe(bool renew, const std::string& why) {
  StreamStats& stats = stream_.stats();
  const absl::Status status = source_->Subscribe(renew);
  if (!status.ok()) {
    if (stats.subscribed) {
      options_.notify(Severity::kError,
                      absl::StrCat(why, "; cannot subscribe again: ", status.ToString()));
    }
    stats.subscribed = false;
    source_failed_ = true;
    subscription_ = status;
    UpdateReady();
    stream_.Publish();
    return false;
  }
  ++(renew ? stats.resubscriptions_error : stats.resubscriptions_muted);
  TellLifeLoss(ToldUntilNs());
  options_.notify(Severity::kWarn, absl::StrCat(why, "; subscribed again"));
  OnSubscribed();
  if (procfs_) {
    unsubscribed_ = true;  // until now
    // Else at a later tick.
    if (const std::optional<ForkAudit> audit = ReadForkAudit()) AccountForUnsubscribed(*audit);
  }
  resync_.Request(ResyncReason::kResubscribe);
  stream_.Publish();
  return true;
}

// ---- Reconciliation with /proc ----

void Pipeline::BeginScan() {
  const int64_t now_ns = source_->NowNs();
  if (resync_.TakeDue(now_ns) == ResyncReason::kNone) return;
  absl::StatusOr<std::unique_ptr<ProcessScan>> scan = ProcessScan::Begin(*procfs_, scan_cgroups_);
  if (!scan.ok()) {
    GoOnWithoutScan(scan.status());
    return;
  }
  scan_ = *std::move(scan);
  scan_facts_.clear();
  scan_read_ = false;
  scan_start_ns_ = now_ns;
  MutexLock lock(mutex_);
  table_.BeginScan(now_ns);
}

// What was there before is heard of once it does something. In a second the scan is tried again.
void Pipeline::GoOnWithoutScan(const absl::Status& why) {
  AbandonScan();
  {
    MutexLock lock(mutex_);
    const bool told = !procfs_status_.ok();
    procfs_status_ = why;
    if (told) return;
    if (!scanned_once_) table_.Reconcile({}, {});
  }
  options_.notify(Severity::kError,
                  absl::StrCat("the process table is not compared with /proc: ", why.message()));
  UpdateReady();
}

void Pipeline::AbandonScan() {
  resync_.GiveUp(source_->NowNs());
  scan_.reset();
  scan_facts_ = {};
  MutexLock lock(mutex_);
  table_.AbandonScan();
}

// In steps, so that the stream is read in between.
void Pipeline::ContinueScan(bool life_drained) {
  if (scan_read_) {
    // Everything queued during the scan has been applied.
    if (life_drained) FinishScan();
    return;
  }
  const absl::StatusOr<bool> read = scan_->Step(kScanStep);
  if (!read.ok()) {
    GoOnWithoutScan(read.status());
    return;
  }
  scan_read_ = *read;
  ProgramRules rules;
  {
    MutexLock lock(mutex_);
    rules = program_rules_;
  }
  while (scan_facts_.size() < scan_->processes().size()) {
    scan_facts_.push_back(side_.Complete(scan_->processes()[scan_facts_.size()], rules));
  }
  bool bounded = false;
  {
    MutexLock lock(mutex_);
    bounded = table_.scan_is_bounded();
  }
  if (!bounded) AbandonScan();
}

void Pipeline::FinishScan() {
  const int64_t now_ns = source_->NowNs();
  {
    MutexLock lock(mutex_);
    if (!scanned_once_) identities_.InternMostCommon(scan_->processes(), scan_facts_);
    table_.Reconcile(scan_->processes(), scan_facts_);
    procfs_status_ = absl::OkStatus();
  }
  // Whatever it was for: a loss may have asked for it before the start did.
  scanned_once_ = true;
  UpdateReady();
  scan_.reset();
  scan_facts_ = {};
  StreamStats& stats = stream_.stats();
  switch (resync_.Finish(now_ns, now_ns - scan_start_ns_)) {
    case ResyncReason::kStart:
    case ResyncReason::kNone:
      break;
    case ResyncReason::kLoss:
      ++stats.resyncs_loss;
      break;
    case ResyncReason::kResubscribe:
      ++stats.resyncs_resubscribe;
      break;
  }
  stream_.Publish();
}

}  // namespace cnproc
