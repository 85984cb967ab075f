// SPDX-License-Identifier: Apache-2.0
#include "collectors/who/label_values.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "absl/strings/string_view.h"
#include "collectors/base/label_text.h"
#include "collectors/base/time.h"

namespace cnproc {
namespace {

constexpr std::string_view kOtherText = "other";
constexpr std::string_view kRealOtherText = "other_";

absl::string_view AbslView(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

LabelValues::LabelValues(LabelPolicy policy, int64_t now_ns, int64_t unix_offset_ns)
    : policy_(std::move(policy)), now_ns_(now_ns), unix_offset_ns_(unix_offset_ns), slots_(2) {
  CreateExpected();
}

void LabelValues::Configure(LabelPolicy policy) {
  policy_ = std::move(policy);
  CreateExpected();
}

void LabelValues::CreateExpected() {
  for (ValueId id = kOtherValue + 1; id < slots_.size(); ++id) {
    if (!std::exchange(slots_[id].expected, false)) continue;
    if (slots_[id].value.processes == 0) GoIdle(id);
  }
  for (const std::string& name : policy_.expected) {
    const std::string text = name == kOtherText ? std::string(kRealOtherText) : ToLabelText(name);
    if (text.empty()) continue;
    const auto found = ids_.find(text);
    const ValueId id = found != ids_.end() ? found->second : Create(text, 1);
    LeaveIdle(id);
    slots_[id].expected = true;
  }
}

void LabelValues::AdvanceTo(int64_t now_ns, int64_t unix_offset_ns) {
  now_ns_ = std::max(now_ns_, now_ns);
  unix_offset_ns_ = unix_offset_ns;
  while ((policy_.remove_idle || size() > policy_.limit) && EvictLongestIdle()) {
  }
}

ValueId LabelValues::Intern(std::string_view text) {
  return IsLabelText(text) ? InternVerbatim(text) : InternVerbatim(ToLabelText(text));
}

ValueId LabelValues::InternVerbatim(std::string_view text) {
  if (text.empty()) return kNoValue;
  if (text == kOtherText) text = kRealOtherText;
  if (const auto found = ids_.find(AbslView(text)); found != ids_.end()) {
    ++slots_[found->second].times_seen;
    Touch(found->second);
    return found->second;
  }
  while (size() >= policy_.limit && EvictLongestIdle()) {
  }
  if (size() < policy_.limit) return Create(text, 1);
  const uint64_t times = newcomers_.Count(text, now_ns_, policy_.idle_timeout_ns);
  if (size() > policy_.limit || !EvictLessSeenThan(times)) return InternOther();
  return Create(text, times);
}

ValueId LabelValues::InternOther() {
  ++overflows_;
  Slot& slot = slots_[kOtherValue];
  if (!slot.in_use) Use(slot, kOtherText);
  return kOtherValue;
}

ValueId LabelValues::Create(std::string_view text, uint64_t times_seen) {
  newcomers_.Forget(text);
  ValueId id = static_cast<ValueId>(slots_.size());
  if (free_.empty()) {
    slots_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  Use(slots_[id], text);
  slots_[id].times_seen = times_seen;
  ids_.emplace(text, id);
  GoIdle(id);
  return id;
}

void LabelValues::Use(Slot& slot, std::string_view text) {
  slot.value = Value{.text = std::string(text),
                     .start_time_seconds = Seconds(now_ns_ + unix_offset_ns_),
                     .processes = 0};
  ++slot.generation;
  slot.in_use = true;
}

void LabelValues::Touch(ValueId id) {
  if (!slots_[id].idle) return;
  LeaveIdle(id);
  GoIdle(id);
}

size_t LabelValues::LevelOf(uint64_t times) {
  return std::min<size_t>(static_cast<size_t>(std::bit_width(times | 1)) - 1, kLevels - 1);
}

void LabelValues::GoIdle(ValueId id) {
  Slot& slot = slots_[id];
  const size_t index = LevelOf(slot.times_seen);
  Level& level = levels_[index];
  slot.level = static_cast<uint8_t>(index);
  slot.last_event_ns = now_ns_;
  slot.idle = true;
  slot.previous = std::exchange(level.last, id);
  slot.next = kNoValue;
  (slot.previous == kNoValue ? level.first : slots_[slot.previous].next) = id;
}

void LabelValues::LeaveIdle(ValueId id) {
  Slot& slot = slots_[id];
  if (!slot.idle) return;
  Level& level = levels_[slot.level];
  slot.idle = false;
  (slot.previous == kNoValue ? level.first : slots_[slot.previous].next) = slot.next;
  (slot.next == kNoValue ? level.last : slots_[slot.next].previous) = slot.previous;
}

bool LabelValues::EvictLongestIdle() {
  ValueId longest = kNoValue;
  for (const Level& level : levels_) {
    if (level.first == kNoValue) continue;
    if (longest == kNoValue || IdleFor(level.first) > IdleFor(longest)) longest = level.first;
  }
  if (longest == kNoValue || IdleFor(longest) < policy_.idle_timeout_ns) return false;
  Evict(longest);
  return true;
}

bool LabelValues::EvictLessSeenThan(uint64_t times) {
  for (size_t level = 0; level < LevelOf(times); ++level) {
    const ValueId longest = levels_[level].first;
    if (longest == kNoValue || IdleFor(longest) < kShortestStayNs) continue;
    Evict(longest);
    return true;
  }
  return false;
}

void LabelValues::Evict(ValueId id) {
  LeaveIdle(id);
  Slot& slot = slots_[id];
  slot.in_use = false;
  ++slot.generation;  // what was kept for it is nobody's
  ids_.erase(slot.value.text);
  slot.value = Value();
  free_.push_back(id);
  ++evictions_;
}

}  // namespace cnproc
