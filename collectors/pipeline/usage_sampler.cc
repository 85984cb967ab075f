// SPDX-License-Identifier: Apache-2.0
#include "collectors/pipeline/usage_sampler.h"

#include <time.h>

#include <span>

#include "collectors/base/time.h"

namespace cnproc {
namespace {

// Read in one step: half a millisecond.
constexpr size_t kProcessesPerStep = 32;

}  // namespace

void UsageSampler::OnTick(int64_t now_ns) {
  if (schedule_.WantsProcesses(now_ns)) {
    std::vector<pid_t> living;
    {
      const auto ledger = ledger_.Lock();
      // Until then nobody's beginning is known.
      if (ledger->table().is_complete()) living = ledger->table().Tgids();
    }
    if (!living.empty()) {
      side_.BeginSweep();
      schedule_.Begin(std::move(living), now_ns);
    }
  }
  schedule_.OnTick(now_ns);
  side_.SetOldestSample(schedule_.OldestSampleNs(now_ns));
}

void UsageSampler::Step(int64_t now_ns) {
  const std::span<const pid_t> due = schedule_.TakeDue(kProcessesPerStep, now_ns);
  if (due.empty()) return;
  const int64_t cpu_before_ns = ClockNs(CLOCK_THREAD_CPUTIME_ID);
  samples_.clear();
  side_.ReadUsage(due, samples_);
  ledger_.Lock()->TakeSamples(samples_);
  schedule_.Spend(ClockNs(CLOCK_THREAD_CPUTIME_ID) - cpu_before_ns);
}

}  // namespace cnproc
