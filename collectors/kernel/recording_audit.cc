// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/recording_audit.h"

#include <algorithm>
#include <utility>

#include "collectors/base/time.h"

namespace cnproc {
namespace {

// The most that Linux can be built for.
constexpr uint32_t kMaxCpus = 8192;
// Each is a run of numbers that the other socket's queue may still hold; 8 MiB of it are 20,000.
constexpr size_t kMaxMissing = 1 << 18;
// Whoever records reads both sockets every few milliseconds, or is kept from reading either.
constexpr int64_t kReadMeanwhileNs = 100 * kNsPerMs;
// Of the 32 bits that a packet has for it, in microseconds.
constexpr int64_t kLongestLagNs = 4295 * kNsPerSecond;

}  // namespace

int64_t RecordingAudit::PositionOf(const Cpu& cpu, uint32_t sequence) const {
  // As int32: a number that is not newer is a reordering, never four billion lost.
  return cpu.newest + static_cast<int32_t>(sequence - cpu.newest_sequence);
}

void RecordingAudit::OnMessage(const RecordedNumber& message) {
  if (message.cpu >= kMaxCpus || static_cast<size_t>(message.socket) >= kSocketCount) return;
  if (message.received_ns > 0) {
    received_ns_ = std::max(received_ns_, message.received_ns);
    if (first_received_ns_ == 0) first_received_ns_ = message.received_ns;
    if (message.happened_ns > 0) {
      lag_ns_[static_cast<size_t>(message.socket)] =
          std::clamp<int64_t>(message.received_ns - message.happened_ns, 0, kLongestLagNs);
    }
  }
  if (message.cpu >= cpus_.size()) cpus_.resize(message.cpu + size_t{1});
  Cpu& cpu = cpus_[message.cpu];
  if (!cpu.known()) cpu.newest_sequence = message.sequence;
  const int64_t position = PositionOf(cpu, message.sequence);
  if (position > cpu.newest) {
    if (position > cpu.newest + 1) {
      Add(cpu, cpu.newest + 1,
          {.last = position - 1, .before_ns = cpu.newest_received_ns, .shown_ns = received_ns_});
    }
    cpu.newest = position;
    cpu.newest_sequence = message.sequence;
  } else if (position < cpu.oldest) {
    if (position + 1 < cpu.oldest) {
      Add(cpu, position + 1,
          {.last = cpu.oldest - 1, .before_ns = received_ns_, .shown_ns = received_ns_});
    }
    cpu.oldest = position;
  } else {
    Fill(cpu, position);
  }
  cpu.newest_received_ns = received_ns_;
  std::optional<Seen>& seen = cpu.seen[static_cast<size_t>(message.socket)];
  if (!seen) seen = Seen{.first = position, .last = position};
  seen->first = std::min(seen->first, position);
  seen->last = std::max(seen->last, position);
}

void RecordingAudit::Add(Cpu& cpu, int64_t first, const Missing& missing) {
  if (missing_ == kMaxMissing) {
    // No recording of ours has so many: more than any socket's queue can hold.
    gaps_.resize(1);
    gaps_[0].shown_ns = received_ns_;
    gaps_[0].count += static_cast<uint64_t>(missing.last - first + 1);
    return;
  }
  if (cpu.missing.emplace(first, missing).second) ++missing_;
}

void RecordingAudit::Fill(Cpu& cpu, int64_t position) {
  auto after = cpu.missing.upper_bound(position);
  if (after == cpu.missing.begin()) return;
  const auto found = std::prev(after);
  if (position > found->second.last) return;
  const int64_t first = found->first;
  Missing rest = found->second;
  cpu.missing.erase(found);
  --missing_;
  // A socket that had not been read past it before has been now.
  rest.shown_ns = received_ns_;
  if (position < rest.last) Add(cpu, position + 1, rest);
  rest.last = position - 1;
  if (first <= rest.last) Add(cpu, first, rest);
}

bool RecordingAudit::IsGap(const Cpu& cpu, int64_t first, const Missing& missing) const {
  for (size_t socket = 0; socket < kSocketCount; ++socket) {
    const std::optional<Seen>& seen = cpu.seen[socket];
    const bool had_been_opened =
        (seen && seen->first < first) || missing.before_ns - first_received_ns_ > kReadMeanwhileNs;
    // A socket that is read late may hold it longer.
    const bool was_read_past_it =
        (seen && seen->last > missing.last) ||
        received_ns_ - missing.shown_ns > kReadMeanwhileNs + lag_ns_[socket];
    if (!had_been_opened || !was_read_past_it) return false;
  }
  return true;
}

std::vector<RecordingGap> RecordingAudit::TakeGaps() {
  for (const Cpu& cpu : cpus_) {
    for (const auto& [first, missing] : cpu.missing) {
      if (!IsGap(cpu, first, missing)) continue;
      gaps_.push_back(
          {.shown_ns = missing.shown_ns, .count = static_cast<uint64_t>(missing.last - first + 1)});
    }
  }
  std::sort(gaps_.begin(), gaps_.end(),
            [](const RecordingGap& a, const RecordingGap& b) { return a.shown_ns < b.shown_ns; });
  return std::exchange(gaps_, {});
}

}  // namespace cnproc
