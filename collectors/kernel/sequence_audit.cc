// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/sequence_audit.h"

#include <algorithm>
#include <utility>

namespace cnproc {

void SequenceAudit::Restart(uint64_t drops) {
  cpus_.clear();
  probed_ = false;
  marked_ = false;
  first_drops_ = drops;
  unplaced_drops_ = 0;
  wants_probe_ = false;
  lost_before_restart_ = static_cast<int64_t>(lost_);
}

SequenceAudit::Cpu* SequenceAudit::Find(uint32_t cpu) {
  if (cpu >= max_cpus_) return nullptr;
  if (cpu >= cpus_.size()) cpus_.resize(cpu + size_t{1});
  return &cpus_[cpu];
}

void SequenceAudit::SetBaseline(uint32_t cpu, uint32_t sequence) {
  if (Cpu* state = Find(cpu)) *state = {.known = true, .probed = true, .newest = sequence};
}

void SequenceAudit::EndBaselines(uint64_t drops) {
  unplaced_drops_ = static_cast<int64_t>(drops - first_drops_);
  first_drops_ = drops;
  // The last that was dropped has no later one to show its number.
  wants_probe_ = unplaced_drops_ > 0;
}

void SequenceAudit::OnMessage(uint32_t cpu, uint32_t sequence) {
  Cpu* const found = Find(cpu);
  if (found == nullptr) return;
  Cpu& state = *found;
  if (!state.known) {
    state.known = true;
    state.newest = sequence - 1;
  }
  // As int32: a number that is not newer is a reordering, never four billion lost.
  const int64_t position = state.span + static_cast<int32_t>(sequence - state.newest);
  if (position <= 0) {
    if (state.probed) return;
    // The other socket held an earlier event than the one that stood in for the baseline.
    state.span += 1 - position;
    state.mark += 1 - position;
  } else if (position > state.span) {
    state.span = position;
    state.newest = sequence;
  }
  ++state.received;
  if (position > state.mark) ++state.beyond_mark;
}

void SequenceAudit::OnProbed(uint64_t drops) {
  wants_probe_ = false;
  probed_ = true;
  SetMarks(drops);
}

void SequenceAudit::EndDrainedRound(uint64_t drops) {
  if (marked_ && drops != marked_drops_) {
    wants_probe_ = true;
    marked_ = false;
  }
  if (wants_probe_) return;
  // The round that brought the answers has read the sockets at two moments: it only sets marks.
  if (marked_ && !std::exchange(probed_, false)) {
    int64_t missing = -static_cast<int64_t>(drops - first_drops_);
    for (const Cpu& cpu : cpus_) {
      missing += cpu.mark - static_cast<int64_t>(cpu.received - cpu.beyond_mark);
    }
    lost_before_restart_ -= std::clamp<int64_t>(missing, 0, std::exchange(unplaced_drops_, 0));
    // Negative where the tail of an unprobed CPU was dropped: its next event brings the number.
    lost_ = static_cast<uint64_t>(
        std::max(static_cast<int64_t>(lost_), lost_before_restart_ + missing));
  }
  SetMarks(drops);
}

void SequenceAudit::SetMarks(uint64_t drops) {
  for (Cpu& cpu : cpus_) {
    cpu.mark = cpu.span;
    cpu.beyond_mark = 0;
  }
  marked_ = true;
  marked_drops_ = drops;
}

}  // namespace cnproc
