// SPDX-License-Identifier: Apache-2.0
#include "collectors/pipeline/side_sources.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "collectors/base/time.h"
#include "collectors/process/change.h"

namespace cnproc {
namespace {

constexpr size_t kFilesPerTick = 128;  // a millisecond

// More than the socket's buffer holds, in which a record takes more than a kilobyte: what was read
// before the events that it belongs to must not push out what they still need.
size_t MaxRecords(const SideInputs& sources) {
  constexpr size_t kLeast = 1 << 15;
  constexpr size_t kBytesOfRecord = 512;
  if (!sources.exit_records.ok()) return kLeast;
  return std::max(kLeast, sources.exit_records->grant().bytes / kBytesOfRecord);
}

bool IsKill(const Event& event) {
  return event.type == EventType::kExit && (event.wait_status & 0x7f) == SIGKILL;
}

}  // namespace

SideSources::SideSources(SideInputs sources)
    : sources_(std::move(sources)),
      max_records_(MaxRecords(sources_)),
      records_(max_records_, kRecordMaxAgeNs) {}

void SideSources::ReadFor(std::span<const Event> events, const ProgramRules& rules,
                          int64_t now_ns) {
  execs_.clear();
  if (sources_.processes.ok()) {
    for (const Event& event : events) {
      if (event.type != EventType::kExec) continue;
      Track(execs_.emplace_back(sources_.processes->Read(event.tgid, rules)));
    }
  }
  ReadRecords(now_ns);
  // The log says whom the kernel killed before the process exits.
  if (std::any_of(events.begin(), events.end(), IsKill)) ReadLog();
}

void SideSources::ReadRecords(int64_t now_ns) {
  if (!sources_.exit_records.ok()) return;
  batch_.clear();
  for (;;) {
    const size_t before = batch_.size();
    const absl::StatusOr<ReceiveOutcome> outcome = sources_.exit_records->Receive(batch_);
    if (!outcome.ok()) break;
    if (*outcome == ReceiveOutcome::kOverrun) {
      ReadRecordDrops(now_ns);
      continue;
    }
    if (batch_.size() - before < TaskstatsSocket::kBatchRecords) {
      // No more was there, unless the error of an overrun ended the batch: then the queue is full.
      const uint64_t lost_before = stats_.exit_records_lost;
      ReadRecordDrops(now_ns);
      if (stats_.exit_records_lost == lost_before) break;
    }
    // A flood is read in pieces, as the events are.
    if (batch_.size() >= max_records_) break;
  }
  // Not earlier: who was forked while they were read may be among them.
  const int64_t read_ns = batch_.empty() ? 0 : MonotonicNs();
  for (const ExitRecord& record : batch_) records_.Push(record, read_ns);
  stats_.exit_records += batch_.size();
}

std::optional<ExitRecord> SideSources::TakeRecord(const TaskLife& task, const Event& exit,
                                                  int64_t now_ns) {
  std::optional<int64_t> lifetime_us;
  if (!IsLossless(now_ns) && task.start_ns != kUnknownStart) {
    lifetime_us = (exit.timestamp_ns - task.start_ns) / 1000;
  }
  return records_.Take(task, lifetime_us);
}

void SideSources::ReadRecordDrops(int64_t now_ns) {
  const absl::StatusOr<uint64_t> drops = sources_.exit_records->Drops();
  if (!drops.ok() || *drops == stats_.exit_records_lost) return;
  stats_.exit_records_lost = *drops;
  OnLoss(now_ns);
}

void SideSources::ReadLog() {
  if (!sources_.kernel_log.ok()) return;
  // An error leaves what was read; the next call tries again.
  (void)sources_.kernel_log->Read(kills_);
  stats_.log_records_lost = sources_.kernel_log->lost();
}

void SideSources::Tick(int64_t now_ns) {
  ReadRecords(now_ns);
  if (sources_.exit_records.ok()) ReadRecordDrops(now_ns);
  ReadLog();
  if (sources_.refusals) sources_.refusals->Sample(kFilesPerTick, refusals_);
}

ProcessFacts SideSources::Complete(const ProcessSnapshot& snapshot, const ProgramRules& rules) {
  if (!sources_.processes.ok()) return {};
  ProcessFacts facts = sources_.processes->Complete(snapshot, rules);
  Track(facts);
  return facts;
}

void SideSources::Track(const ProcessFacts& facts) {
  if (sources_.refusals) sources_.refusals->Track(facts.cgroup);
}

}  // namespace cnproc
