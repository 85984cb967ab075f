// SPDX-License-Identifier: Apache-2.0
// What was read beside the stream. Plain values.
#ifndef CNPROC_COLLECTORS_PIPELINE_SIDE_EVIDENCE_H_
#define CNPROC_COLLECTORS_PIPELINE_SIDE_EVIDENCE_H_

#include <cstdint>
#include <vector>

#include "collectors/cut.h"
#include "collectors/kernel/kmsg.h"
#include "collectors/pipeline/refusal_sampler.h"
#include "collectors/process/exit_record.h"
#include "collectors/process/process_facts.h"

namespace cnproc {

// For one batch of events, or for a tick.
struct SideEvidence {
  std::vector<ProcessFacts> execs;  // one for each EXEC of the batch; empty: nothing can be read
  std::vector<ExitRecord> exit_records;
  int64_t exit_records_read_ns = 0;  // CLOCK_MONOTONIC: whoever is in them had ended by then
  bool exit_records_lost = false;    // more were lost since the evidence before
  std::vector<OomKill> kills;
  std::vector<Refusals> refusals;
  SideStats stats;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PIPELINE_SIDE_EVIDENCE_H_
