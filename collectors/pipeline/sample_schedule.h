// SPDX-License-Identifier: Apache-2.0
// When which living process is sampled.
#ifndef CNPROC_COLLECTORS_PIPELINE_SAMPLE_SCHEDULE_H_
#define CNPROC_COLLECTORS_PIPELINE_SAMPLE_SCHEDULE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "collectors/base/pid.h"
#include "collectors/base/time.h"

namespace cnproc {

struct SamplingOptions {
  int64_t interval_ns = 15 * kNsPerSecond;  // a whole number of ticks
  double cpu_share = 0.005;                 // of one CPU, that sampling may take in the long run
};

// Goes through all living processes again and again, in the order of their ids, so that each has
// its turn after one interval. What is due is told tick by tick. Where the budget does not reach
// for all, a sweep takes longer than the interval, and nobody is left out. Pure; not thread safe.
class SampleSchedule {
 public:
  static constexpr int64_t kTickNs = kNsPerSecond;

  SampleSchedule(const SamplingOptions& options, int64_t now_ns);

  // Once a second. More is due then, and there is more to spend.
  void OnTick(int64_t now_ns);
  // Everybody had their turn, and the interval is over: begin with whoever lives now.
  bool WantsProcesses(int64_t now_ns) const {
    return next_ == sweep_.size() && now_ns - began_ns_ >= options_.interval_ns;
  }
  void Begin(std::vector<pid_t> living, int64_t now_ns);

  // Somebody is due, and there is a budget left.
  bool is_due() const { return next_ < due_ && budget_ns_ > 0; }
  // Those whose turn it is, at most `most`. Valid until the next Begin.
  std::span<const pid_t> TakeDue(size_t most, int64_t now_ns);
  // What reading them took of a CPU.
  void Spend(int64_t cpu_ns) { budget_ns_ -= cpu_ns; }

  // How long ago the one whose turn is next had their last.
  int64_t OldestSampleNs(int64_t now_ns) const;

 private:
  // Where a sweep was at what time.
  struct Mark {
    pid_t first = 0;  // who was taken, and those after, until the next mark
    int64_t at_ns = 0;
  };

  const SamplingOptions options_;
  int64_t began_ns_;  // the sweep
  std::vector<pid_t> sweep_;
  size_t next_ = 0;
  size_t due_ = 0;  // until there
  std::vector<Mark> marks_;
  std::vector<Mark> last_marks_;  // of the sweep before; never empty
  int64_t budget_ns_ = 0;
  int64_t refilled_ns_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PIPELINE_SAMPLE_SCHEDULE_H_
