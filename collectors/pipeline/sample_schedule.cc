// SPDX-License-Identifier: Apache-2.0
#include "collectors/pipeline/sample_schedule.h"

#include <algorithm>
#include <utility>

namespace cnproc {
namespace {

// What was not spent is kept for so long.
constexpr double kMaxSavingsNs = 2 * kNsPerSecond;

}  // namespace

// The scan at the start is everybody's first sample.
SampleSchedule::SampleSchedule(const SamplingOptions& options, int64_t now_ns)
    : options_(options),
      began_ns_(now_ns - options.interval_ns),
      last_marks_{{.first = 0, .at_ns = now_ns}},
      refilled_ns_(now_ns) {}

void SampleSchedule::OnTick(int64_t now_ns) {
  const auto passed_ns = static_cast<double>(now_ns - std::exchange(refilled_ns_, now_ns));
  const double earned_ns = passed_ns * options_.cpu_share;
  const double most_ns = kMaxSavingsNs * options_.cpu_share;
  budget_ns_ = static_cast<int64_t>(std::min(static_cast<double>(budget_ns_) + earned_ns, most_ns));
  // All that is to be done until the next tick.
  const auto elapsed_ns = static_cast<double>(now_ns - began_ns_ + kTickNs);
  const double part = std::min(elapsed_ns / static_cast<double>(options_.interval_ns), 1.0);
  due_ = static_cast<size_t>(part * static_cast<double>(sweep_.size()));
}

void SampleSchedule::Begin(std::vector<pid_t> living, int64_t now_ns) {
  sweep_ = std::move(living);
  std::sort(sweep_.begin(), sweep_.end());
  next_ = due_ = 0;
  began_ns_ = now_ns;
  if (!marks_.empty()) last_marks_ = std::exchange(marks_, {});
}

std::span<const pid_t> SampleSchedule::TakeDue(size_t most, int64_t now_ns) {
  if (!is_due()) return {};
  const std::span<const pid_t> taken =
      std::span(sweep_).subspan(next_, std::min(most, due_ - next_));
  // Ids below the first are newcomers' or nobody's.
  marks_.push_back({.first = marks_.empty() ? 0 : taken.front(), .at_ns = now_ns});
  next_ += taken.size();
  return taken;
}

int64_t SampleSchedule::OldestSampleNs(int64_t now_ns) const {
  if (next_ == sweep_.size() && !marks_.empty()) return now_ns - marks_.front().at_ns;
  const pid_t turn = next_ < sweep_.size() ? sweep_[next_] : 0;
  auto mark = std::upper_bound(last_marks_.begin(), last_marks_.end(), turn,
                               [](pid_t tgid, const Mark& other) { return tgid < other.first; });
  if (mark != last_marks_.begin()) --mark;
  return now_ns - mark->at_ns;
}

}  // namespace cnproc
