// SPDX-License-Identifier: Apache-2.0
#include "collectors/pipeline/subscription.h"

#include <algorithm>
#include <utility>

#include "absl/base/macros.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace cnproc {
namespace {

// More CPUs than any kernel is built for (CONFIG_NR_CPUS).
constexpr size_t kMaxCpus = 8192;
constexpr int kBaselineTries = 50;

}  // namespace

Subscription::Subscription(std::unique_ptr<DatagramSource> source, const ProcFs* procfs,
                           LogSink say)
    : source_(std::move(source)),
      procfs_(procfs),
      say_(std::move(say)),
      stream_(*source_, kMaxCpus) {}

void Subscription::Begin() {
  OnSubscribed();
  if (procfs_ != nullptr) baseline_tries_ = kBaselineTries;
}

void Subscription::OnSubscribed() {
  if (absl::Status status = stream_.OnSubscribed(/*probe=*/procfs_ != nullptr); !status.ok()) {
    say_(Severity::kWarn, std::string(status.message()));
  }
  stream_.stats().receive_buffer_bytes = source_->ReceiveBufferBytes();
  state_ = State::kUp;
  status_ = absl::OkStatus();
}

void Subscription::BeginRound(bool thorough, bool tick) {
  round_began_ns_ = source_->NowNs();
  tick_ = tick;
  kernel_forks_.reset();
  if (state_ == State::kBroken) return;
  // The start found no moment to set it.
  if (tick && procfs_ != nullptr && fork_baseline_ == kNoBaseline) baseline_tries_ = kBaselineTries;
  if (procfs_ != nullptr && (tick || wants_round_now())) {
    const absl::StatusOr<uint64_t> forks = procfs_->TotalForks();
    if (forks.ok()) kernel_forks_ = *forks;
    unsubscribed_audit_due_ = false;
  }
  narrows_baseline_ = baseline_tries_ > 0;
  if (narrows_baseline_) --baseline_tries_;
  stream_.BeginRound(thorough);
}

std::optional<Batch> Subscription::Next() {
  return state_ == State::kBroken ? std::nullopt : stream_.Next();
}

Subscription::Outcome Subscription::EndRound() {
  Outcome outcome;
  outcome.drained = outcome.caught_up = true;
  if (state_ == State::kBroken) {
    Renew(/*replace_sockets=*/true, "the stream is still broken", outcome);
    return outcome;
  }
  const absl::StatusOr<Round> round = stream_.EndRound();
  if (!round.ok()) {
    Renew(/*replace_sockets=*/true, std::string(round.status().message()), outcome);
    return outcome;
  }
  outcome.drained = round->drained;
  outcome.caught_up = round->life_drained;
  // Lost attributes leave the table with wrong users, and nothing else.
  if (round->lost) outcome.resync = ResyncReason::kLoss;
  if (round->life_lost) outcome.gap = {.from_ns = life_drained_ns_, .to_ns = source_->NowNs()};
  if (round->life_drained) {
    life_drained_ns_ = round_began_ns_;
    if (kernel_forks_) EndAudit(*kernel_forks_, outcome);
  }
  if (absl::Status ended = source_->Ended(); !ended.ok() && state_ == State::kUp) {
    say_(Severity::kInfo, std::string(ended.message()));
    state_ = State::kEnded;
    status_ = std::move(ended);
  }
  return outcome;
}

int64_t Subscription::delivered_until_ns() const {
  return mute_watch_.suspects() ? std::min(life_drained_ns_, forks_agreed_ns_) : life_drained_ns_;
}

void Subscription::CountResync(ResyncReason reason) {
  StreamStats& stats = stream_.stats();
  if (reason == ResyncReason::kLoss) ++stats.resyncs_loss;
  if (reason == ResyncReason::kResubscribe) ++stats.resyncs_resubscribe;
}

void Subscription::Renew(bool replace_sockets, const std::string& why, Outcome& outcome) {
  const absl::Status status = source_->Subscribe(replace_sockets);
  if (!status.ok()) {
    if (state_ == State::kUp) {
      say_(Severity::kError, absl::StrCat(why, "; cannot subscribe again: ", status.ToString()));
    }
    state_ = State::kBroken;
    status_ = status;
    return;
  }
  StreamStats& stats = stream_.stats();
  ++(replace_sockets ? stats.resubscriptions_error : stats.resubscriptions_muted);
  outcome.gap = {.from_ns = delivered_until_ns(), .to_ns = source_->NowNs()};
  outcome.resync = ResyncReason::kResubscribe;
  outcome.renewed_why = why;
  OnSubscribed();
  unsubscribed_ = unsubscribed_audit_due_ = procfs_ != nullptr;
}

// /proc/stat was read before the round, which has left the life socket empty.
void Subscription::EndAudit(uint64_t kernel_forks, Outcome& outcome) {
  const StreamStats& stats = stream_.stats();
  const ForkAudit audit{.kernel_forks = kernel_forks,
                        .forks_seen = stats.events[EventType::kFork],
                        .lost = stats.lost() - stats.dropped[SocketId::kAttribute],
                        .messages = stats.messages};
  if (narrows_baseline_) NarrowBaseline(audit);
  if (unsubscribed_) AccountForUnsubscribed(audit);
  if (!tick_) return;
  if (mute_watch_.IsMuted(audit)) {
    Renew(/*replace_sockets=*/false, "forks happen and no event comes", outcome);
  } else if (!mute_watch_.suspects()) {
    forks_agreed_ns_ = life_drained_ns_;
    if (mute_watch_.is_excused(audit)) RestartMuteWatch(audit);
  }
}

void Subscription::NarrowBaseline(const ForkAudit& audit) {
  const absl::StatusOr<uint64_t> kernel_forks_after = procfs_->TotalForks();
  if (!kernel_forks_after.ok()) return;
  baseline_.Narrow(audit, *kernel_forks_after);
  if (baseline_.exact()) baseline_tries_ = 0;
  mute_watch_.Restart(baseline_.most(), audit.lost);
  fork_baseline_ = static_cast<uint64_t>(baseline_.most());
}

void Subscription::AccountForUnsubscribed(const ForkAudit& audit) {
  stream_.stats().forks_unsubscribed += mute_watch_.Unaccounted(audit);
  unsubscribed_ = false;
  RestartMuteWatch(audit);
}

// What was lost excuses no fork from now on.
void Subscription::RestartMuteWatch(const ForkAudit& audit) {
  const absl::StatusOr<uint64_t> kernel_forks_after = procfs_->TotalForks();
  if (!kernel_forks_after.ok()) return;
  ForkOffset offset;
  offset.Narrow(audit, *kernel_forks_after);
  mute_watch_.Restart(offset.most(), audit.lost);
}

}  // namespace cnproc
