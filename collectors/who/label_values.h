// SPDX-License-Identifier: Apache-2.0
// The values of one label that user space chooses (program, unit, container, user): a bounded set,
// whatever the machine does.
#ifndef CNPROC_COLLECTORS_WHO_LABEL_VALUES_H_
#define CNPROC_COLLECTORS_WHO_LABEL_VALUES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/macros.h"
#include "absl/container/btree_map.h"
#include "collectors/who/newcomers.h"

namespace cnproc {

// Small, so that counters by value are arrays. Once a value has given way, its id is given to
// another value.
using ValueId = uint32_t;
inline constexpr ValueId kNoValue = 0;     // a process without one: no container
inline constexpr ValueId kOtherValue = 1;  // "other": all values for which there was no room

struct LabelPolicy {
  size_t limit = 100;  // values at once, "other" not among them
  // A value goes only when it has no process and has had no event for so long; to make room for a
  // newcomer that keeps coming it may go earlier, see LabelValues::Intern.
  int64_t idle_timeout_ns = 0;
  bool remove_idle = false;           // idle values go even below the limit
  std::vector<std::string> expected;  // exist always, never give way, count towards the limit
};

// size() <= limit(), with two exceptions: all expected values exist, however many they are, and
// after Configure has lowered the limit the values above it go only as they become idle. A value
// with a process never goes: whoever adds a process to an id may keep the id until it removes that
// process. An id names the same value for as long as its generation() stays the same.
//
// Only ForEach and Configure look through all values; every other operation takes constant or
// logarithmic time. Not thread safe.
class LabelValues {
 public:
  // How long each value stays at the least, however many newcomers there are, so that scrapes see
  // it.
  static constexpr int64_t kShortestStayNs = 120'000'000'000;

  struct Value {
    std::string text;               // a valid label value, not empty
    double start_time_seconds = 0;  // Unix time at which it was taken in
    uint32_t processes = 0;
  };

  // For the times see AdvanceTo.
  LabelValues(LabelPolicy policy, int64_t now_ns, int64_t unix_offset_ns);

  // Values stay, and so does what was counted for them. Where the new policy leaves no room for
  // all, the idle ones go as their timeout passes.
  void Configure(LabelPolicy policy);

  // `now_ns` is of the events' clock, and never goes back; Unix time is `unix_offset_ns` more.
  void AdvanceTo(int64_t now_ns, int64_t unix_offset_ns);

  // The id of a value that had an event just now. An unknown value is taken in. Where there is no
  // room, it takes the place of
  // - the value that has been idle longest, if that is longer than the timeout; or else
  // - a value that has been idle for kShortestStayNs and was seen less often than the newcomer
  //   came. Both are compared by powers of two, so that equals do not take turns. So a name that
  //   keeps coming finds room among names that occur once.
  // If neither exists the answer is kOtherValue, and an overflow is counted. Bytes that no label
  // may hold are replaced; "other" becomes "other_"; the empty text is kNoValue.
  ValueId Intern(std::string_view text);
  // The same, but `text` is kept byte for byte: it may be any bytes, made of several label values.
  ValueId InternVerbatim(std::string_view text);
  // kOtherValue, for what can have no value of its own. Counts as an overflow too.
  ValueId InternOther();

  // A process of this value began or ended. kNoValue is allowed in all of these.
  void AddProcess(ValueId id) {
    if (id == kNoValue) return;
    Slot& slot = slots_[id];
    // Beside another of its kind it was forked, mostly: whoever execs is counted by Intern.
    if (slot.value.processes++ > 0) ++slot.times_seen;
    if (slot.idle) LeaveIdle(id);
  }
  void RemoveProcess(ValueId id) {
    if (id == kNoValue) return;
    Slot& slot = slots_[id];
    ABSL_ASSERT(slot.value.processes > 0);
    if (--slot.value.processes == 0 && !slot.expected && id != kOtherValue) GoIdle(id);
  }
  // Something else happened to this value.
  void Touch(ValueId id);

  const Value& value(ValueId id) const { return slots_[id].value; }
  // Differs between two values that had the same id one after the other.
  uint32_t generation(ValueId id) const { return slots_[id].generation; }
  // All ids ever given are below this.
  size_t id_bound() const { return slots_.size(); }

  size_t size() const { return ids_.size(); }
  size_t limit() const { return policy_.limit; }
  uint64_t overflows() const { return overflows_; }
  uint64_t evictions() const { return evictions_; }

  // Calls `visit(id, value)` for each value in the order of their bytes, which is that of a page;
  // "other" is among them from the time on at which it was first needed.
  template <typename Visitor>
  void ForEach(Visitor visit) const {
    const Slot& other = slots_[kOtherValue];
    bool other_to_come = other.in_use;
    for (const auto& [text, id] : ids_) {
      if (other_to_come && text > other.value.text) {
        visit(kOtherValue, other.value);
        other_to_come = false;
      }
      visit(id, slots_[id].value);
    }
    if (other_to_come) visit(kOtherValue, other.value);
  }

 private:
  // Level n has the idle values that were seen at least 2^n and fewer than 2^(n+1) times, the last
  // level all that were seen more often.
  static constexpr size_t kLevels = 20;
  static size_t LevelOf(uint64_t times);

  // The idle values of a level are a list, the one idle longest first.
  struct Slot {
    Value value;
    uint64_t times_seen = 0;
    int64_t last_event_ns = 0;  // while idle
    ValueId previous = kNoValue;
    ValueId next = kNoValue;
    uint32_t generation = 0;
    bool in_use = false;
    bool expected = false;
    bool idle = false;
    uint8_t level = 0;  // while idle
  };
  struct Level {
    ValueId first = kNoValue;
    ValueId last = kNoValue;
  };

  ValueId Create(std::string_view text, uint64_t times_seen);
  void CreateExpected();
  void Use(Slot& slot, std::string_view text);
  void GoIdle(ValueId id);
  void LeaveIdle(ValueId id);
  int64_t IdleFor(ValueId id) const { return now_ns_ - slots_[id].last_event_ns; }
  bool EvictLongestIdle();
  bool EvictLessSeenThan(uint64_t times);
  void Evict(ValueId id);

  LabelPolicy policy_;
  int64_t now_ns_;
  int64_t unix_offset_ns_;
  std::vector<Slot> slots_;  // by id
  std::array<Level, kLevels> levels_{};
  Newcomers newcomers_;
  std::vector<ValueId> free_;
  absl::btree_map<std::string, ValueId> ids_;
  uint64_t overflows_ = 0;
  uint64_t evictions_ = 0;
};

// A T for each value, which is T() for a value that is new: what was counted for a value that gave
// way is never seen under the next value with its id. Every call takes the LabelValues whose ids
// are meant, always the same one.
template <typename T>
class ByValue {
 public:
  T& at(const LabelValues& values, ValueId id) {
    if (id >= entries_.size()) entries_.resize(values.id_bound());
    Entry& entry = entries_[id];
    if (entry.generation != values.generation(id)) {
      entry = Entry{values.generation(id), T()};
    }
    return entry.what;
  }

  // T() for a value that has nothing yet. Valid until the next at().
  const T& get(const LabelValues& values, ValueId id) const {
    static const T kNothing{};
    const T* found = find(values, id);
    return found == nullptr ? kNothing : *found;
  }
  // Null for a value that has nothing yet.
  const T* find(const LabelValues& values, ValueId id) const {
    if (id >= entries_.size() || entries_[id].generation != values.generation(id)) return nullptr;
    return &entries_[id].what;
  }

 private:
  struct Entry {
    uint32_t generation = 0;
    T what{};
  };
  std::vector<Entry> entries_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_WHO_LABEL_VALUES_H_
