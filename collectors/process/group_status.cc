// SPDX-License-Identifier: Apache-2.0
#include "collectors/process/group_status.h"

#include <algorithm>

namespace cnproc {
namespace {

constexpr uint32_t kSignalBits = 0x7f;
constexpr uint32_t kCoreBit = 0x80;

}  // namespace

void GroupStatus::OnExit(const Event& exit, const ExitRecord* record) {
  const uint32_t status = exit.wait_status;
  newest_ns_ = std::max(newest_ns_, exit.timestamp_ns);
  if (record != nullptr && record->last_of_group) {
    last_is_known_ = true;
    last_status_ = status;
  }
  if (status == 0) return;
  const Failure failure{.status = status, .timestamp_ns = exit.timestamp_ns};
  // Events of several CPUs may come in another order than they were made.
  if (failure.timestamp_ns >= newest_.timestamp_ns) newest_ = failure;
  if (exit.tid == exit.tgid) leader_ = failure;
  const uint32_t signal = status & kSignalBits;
  if (signal == 0) return;
  if (exit.tid == dumper_) dumped_status_ = status;
  if ((status & kCoreBit) != 0) core_signal_ = signal;
}

uint32_t GroupStatus::Judge() const {
  const uint32_t status = JudgeSignalOrCode();
  // The threads that waited for the core to be written do not carry its bit.
  const bool has_core = core_signal_ != 0 && (status & kSignalBits) == core_signal_;
  return has_core ? status | kCoreBit : status;
}

uint32_t GroupStatus::WithinMoment(const Failure& failure) const {
  return newest_ns_ - failure.timestamp_ns <= kMomentNs ? failure.status : 0;
}

uint32_t GroupStatus::JudgeSignalOrCode() const {
  if (dumped_status_ != 0) return dumped_status_;
  if (!last_is_known_) return WithinMoment(newest_);
  return last_status_ != 0 ? last_status_ : WithinMoment(leader_);
}

}  // namespace cnproc
