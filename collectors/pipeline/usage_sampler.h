// SPDX-License-Identifier: Apache-2.0
// Samples what living processes use, while there is nothing else to do.
#ifndef CNPROC_COLLECTORS_PIPELINE_USAGE_SAMPLER_H_
#define CNPROC_COLLECTORS_PIPELINE_USAGE_SAMPLER_H_

#include <cstdint>
#include <vector>

#include "collectors/base/mutex.h"
#include "collectors/pipeline/ledger.h"
#include "collectors/pipeline/sample_schedule.h"
#include "collectors/pipeline/side_sources.h"
#include "collectors/process/process_use.h"

namespace cnproc {

// One step a round, so that the stream is read in between. Used by the collector thread, but for
// the constructor. All times are of the events' clock.
class UsageSampler {
 public:
  // Both outlive this. `side` can read usage.
  UsageSampler(SideSources& side, Guarded<Ledger>& ledger, const SamplingOptions& options,
               int64_t now_ns)
      : side_(side), ledger_(ledger), schedule_(options, now_ns) {}

  // Once a second.
  void OnTick(int64_t now_ns);
  // After a round that left nothing unread in the life socket: whoever is read now and has ended
  // since tells that later.
  void Step(int64_t now_ns);
  // Another step is due at once.
  bool is_busy() const { return schedule_.is_due(); }

 private:
  SideSources& side_;
  Guarded<Ledger>& ledger_;
  SampleSchedule schedule_;
  std::vector<UsageSample> samples_;  // of a step
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PIPELINE_USAGE_SAMPLER_H_
