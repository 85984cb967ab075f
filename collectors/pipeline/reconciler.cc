// SPDX-License-Identifier: Apache-2.0
#include "collectors/pipeline/reconciler.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/base/macros.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace cnproc {
namespace {

// Of /proc in one step: about a millisecond.
constexpr size_t kProcessesPerStep = 32;
// Corrected with the lock held once: about a millisecond.
constexpr size_t kProcessesPerHold = 2048;

}  // namespace

Reconciler::Reconciler(const ProcFs& procfs, SideSources& side, Guarded<Ledger>& ledger,
                       Options options)
    : procfs_(procfs), side_(side), ledger_(ledger), options_(std::move(options)) {}

ResyncReason Reconciler::Step(bool life_drained, int64_t now_ns) {
  ABSL_ASSERT((state_ == State::kIdle) == (scan_ == nullptr));
  switch (state_) {
    case State::kIdle:
      if (life_drained) Begin(now_ns);
      break;
    case State::kReading:
      Read(now_ns);
      break;
    case State::kAwaitingDrain:
      if (life_drained) return Finish(now_ns);
      break;
  }
  return ResyncReason::kNone;
}

void Reconciler::Begin(int64_t now_ns) {
  if (schedule_.TakeDue(now_ns) == ResyncReason::kNone) return;
  absl::StatusOr<std::unique_ptr<ProcessScan>> scan =
      ProcessScan::Begin(procfs_, options_.with_cgroups);
  if (!scan.ok()) {
    GoOnWithout(scan.status(), now_ns);
    return;
  }
  scan_ = *std::move(scan);
  began_ns_ = now_ns;
  renaming_ = renamings_wanted_ > 0;
  if (renaming_) --renamings_wanted_;
  state_ = State::kReading;
  ledger_.Lock()->BeginScan(now_ns);
}

void Reconciler::Read(int64_t now_ns) {
  const absl::StatusOr<bool> read = scan_->Step(kProcessesPerStep);
  if (!read.ok()) {
    GoOnWithout(read.status(), now_ns);
    return;
  }
  while (facts_.size() < scan_->processes().size()) {
    ProcessSnapshot& snapshot = scan_->processes()[facts_.size()];
    facts_.push_back(side_.Complete(snapshot));
    // The facts have what it says; on cgroup v1 it is about a kilobyte.
    snapshot.cgroup = {};
  }
  if (!ledger_.Lock()->scan_is_bounded()) {
    GiveUp(now_ns);
  } else if (*read) {
    state_ = State::kAwaitingDrain;
  }
}

ResyncReason Reconciler::Finish(int64_t now_ns) {
  const std::span<const ProcessSnapshot> snapshots = scan_->processes();
  const std::span<const ProcessFacts> facts = facts_;
  ledger_.Lock()->BeginReconcile(snapshots, facts);
  for (size_t begin = 0; begin < snapshots.size(); begin += kProcessesPerHold) {
    const size_t count = std::min(kProcessesPerHold, snapshots.size() - begin);
    ledger_.Lock()->ReconcileSome(snapshots.subspan(begin, count), facts.subspan(begin, count),
                                  renaming_);
  }
  ledger_.Lock()->EndReconcile();
  renaming_ = false;
  if (renamings_wanted_ > 0) Request(ResyncReason::kReload);
  Drop();
  return schedule_.Finish(now_ns, now_ns - began_ns_);
}

// In a second the scan is tried again.
void Reconciler::GoOnWithout(const absl::Status& why, int64_t now_ns) {
  GiveUp(now_ns);
  bool said = false;
  {
    const auto ledger = ledger_.Lock();
    said = !ledger->scan_status().ok();
    ledger->GoOnWithoutScan(why);
  }
  if (said) return;
  options_.say(Severity::kError,
               absl::StrCat("the process table is not compared with /proc: ", why.message()));
}

void Reconciler::GiveUp(int64_t now_ns) {
  schedule_.GiveUp(now_ns);
  if (std::exchange(renaming_, false)) ++renamings_wanted_;
  Drop();
  ledger_.Lock()->AbandonScan();
}

// Not clear(): of a host with many processes it is memory for seconds in years.
void Reconciler::Drop() {
  scan_.reset();
  facts_ = {};
  state_ = State::kIdle;
}

}  // namespace cnproc
