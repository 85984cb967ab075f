// SPDX-License-Identifier: Apache-2.0
// When the process table is compared with /proc. Pure; not thread safe.
#ifndef CNPROC_COLLECTORS_PIPELINE_RESYNC_SCHEDULE_H_
#define CNPROC_COLLECTORS_PIPELINE_RESYNC_SCHEDULE_H_

#include <algorithm>
#include <cstdint>

#include "collectors/base/time.h"

namespace cnproc {

enum class ResyncReason : uint8_t {
  kNone,
  kReload,  // the rules of names changed
  kStart,
  kLoss,
  kResubscribe,
};

// A resync begins at once if none ran lately, and at most 5 s after its cause: a flood that loses
// events without end costs one scan in 5 s, and where a scan is quick a twentieth of a CPU.
class ResyncSchedule {
 public:
  void Request(ResyncReason reason) { wanted_ = std::max(wanted_, reason); }

  // The reason for the scan that is to begin now, or kNone.
  ResyncReason TakeDue(int64_t now_ns) {
    if (running_ != ResyncReason::kNone || now_ns < not_before_ns_) return ResyncReason::kNone;
    running_ = wanted_;
    wanted_ = ResyncReason::kNone;
    return running_;
  }
  // What the running one was for is still wanted, in a second.
  void GiveUp(int64_t now_ns) {
    Request(running_);
    running_ = ResyncReason::kNone;
    not_before_ns_ = now_ns + kNsPerSecond;
  }
  ResyncReason Finish(int64_t now_ns, int64_t took_ns) {
    const ResyncReason finished = running_;
    running_ = ResyncReason::kNone;
    not_before_ns_ = now_ns + std::clamp<int64_t>(20 * took_ns, kNsPerSecond, 4 * kNsPerSecond);
    return finished;
  }

 private:
  ResyncReason wanted_ = ResyncReason::kNone;
  ResyncReason running_ = ResyncReason::kNone;
  int64_t not_before_ns_ = 0;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PIPELINE_RESYNC_SCHEDULE_H_
