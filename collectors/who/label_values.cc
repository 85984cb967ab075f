// SPDX-License-Identifier: Apache-2.0
#include "collectors/who/label_values.h"

#include <algorithm>
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
    const ValueId id = found != ids_.end() ? found->second : Create(text);
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
    Touch(found->second);
    return found->second;
  }
  while (size() >= policy_.limit) {
    if (!EvictLongestIdle()) return InternOther();
  }
  return Create(text);
}

ValueId LabelValues::InternOther() {
  ++overflows_;
  Slot& slot = slots_[kOtherValue];
  if (!slot.in_use) Use(slot, kOtherText);
  return kOtherValue;
}

ValueId LabelValues::Create(std::string_view text) {
  ValueId id = static_cast<ValueId>(slots_.size());
  if (free_.empty()) {
    slots_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  Use(slots_[id], text);
  ids_.emplace(text, id);
  GoIdle(id);
  return id;
}

void LabelValues::Use(Slot& slot, std::string_view text) {
  slot.value =
      Value{.text = std::string(text),
            .start_time_seconds = static_cast<double>(now_ns_ + unix_offset_ns_) * kSecondsPerNs,
            .processes = 0};
  ++slot.generation;
  slot.in_use = true;
}

void LabelValues::Touch(ValueId id) {
  if (!slots_[id].idle) return;
  LeaveIdle(id);
  GoIdle(id);
}

void LabelValues::GoIdle(ValueId id) {
  Slot& slot = slots_[id];
  Slot& ring = slots_[kNoValue];
  slot.last_event_ns = now_ns_;
  slot.idle = true;
  slot.previous = ring.previous;
  slot.next = kNoValue;
  slots_[ring.previous].next = id;
  ring.previous = id;
}

void LabelValues::LeaveIdle(ValueId id) {
  Slot& slot = slots_[id];
  if (!slot.idle) return;
  slot.idle = false;
  slots_[slot.previous].next = slot.next;
  slots_[slot.next].previous = slot.previous;
}

bool LabelValues::EvictLongestIdle() {
  const ValueId id = slots_[kNoValue].next;
  if (id == kNoValue || now_ns_ - slots_[id].last_event_ns < policy_.idle_timeout_ns) return false;
  LeaveIdle(id);
  Slot& slot = slots_[id];
  slot.in_use = false;
  ++slot.generation;  // what was kept for it is nobody's
  ids_.erase(slot.value.text);
  slot.value = Value();
  free_.push_back(id);
  ++evictions_;
  return true;
}

}  // namespace cnproc
