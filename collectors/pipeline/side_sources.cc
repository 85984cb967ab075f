// SPDX-License-Identifier: Apache-2.0
#include "collectors/pipeline/side_sources.h"

#include <algorithm>
#include <csignal>
#include <utility>
#include <vector>

#include "collectors/base/time.h"

namespace cnproc {
namespace {

constexpr size_t kFilesPerTick = 128;  // a millisecond

// More than the socket's buffer holds, in which a record takes more than a kilobyte: what was read
// before the events that it belongs to must not push out what they still need.
size_t MaxExitRecords(const SideInputs& inputs) {
  constexpr size_t kLeast = 1 << 15;
  constexpr size_t kBytesOfRecord = 512;
  if (!inputs.exit_records.ok()) return kLeast;
  return std::max(kLeast, inputs.exit_records->grant().bytes / kBytesOfRecord);
}

bool IsKill(const Event& event) {
  return event.type == EventType::kExit && (event.wait_status & 0x7f) == SIGKILL;
}

}  // namespace

SideSources::SideSources(SideInputs inputs, DatagramSource& names)
    : inputs_(std::move(inputs)),
      max_exit_records_(MaxExitRecords(inputs_)),
      execs_(std::move(inputs_.processes), names) {}

const SideEvidence& SideSources::Gather(const Batch& batch) {
  Clear();
  execs_.Read(batch, evidence_.execs, evidence_.stats);
  for (const ProcessFacts& facts : evidence_.execs) Track(facts);
  ReadExitRecords();
  // The log says whom the kernel killed before the process exits.
  if (std::any_of(batch.events.begin(), batch.events.end(), IsKill)) ReadLog();
  return evidence_;
}

const SideEvidence& SideSources::GatherAtTick() {
  Clear();
  execs_.ReadNames(evidence_.stats);
  ReadExitRecords();
  if (inputs_.exit_records.ok()) ReadExitRecordDrops();
  ReadLog();
  if (inputs_.refusals) inputs_.refusals->Sample(kFilesPerTick, evidence_.refusals);
  return evidence_;
}

// Keeps the memory, and what only grows.
void SideSources::Clear() {
  evidence_.execs.clear();
  evidence_.exit_records.clear();
  evidence_.exit_records_lost = false;
  evidence_.kills.clear();
  evidence_.refusals.clear();
}

void SideSources::ReadExitRecords() {
  if (!inputs_.exit_records.ok()) return;
  std::vector<ExitRecord>& records = evidence_.exit_records;
  for (;;) {
    const size_t before = records.size();
    const absl::StatusOr<ReceiveOutcome> outcome = inputs_.exit_records->Receive(records);
    if (!outcome.ok()) break;
    if (*outcome == ReceiveOutcome::kOverrun) {
      ReadExitRecordDrops();
      continue;
    }
    if (records.size() - before < TaskstatsSocket::kBatchRecords) {
      // No more was there, unless the error of an overrun ended the batch: then the queue is full.
      const uint64_t lost_before = evidence_.stats.exit_records_lost;
      ReadExitRecordDrops();
      if (evidence_.stats.exit_records_lost == lost_before) break;
    }
    // A flood is read in pieces, as the events are.
    if (records.size() >= max_exit_records_) break;
  }
  // Not earlier: who was forked while they were read may be among them.
  if (!records.empty()) evidence_.exit_records_read_ns = MonotonicNs();
  evidence_.stats.exit_records += records.size();
}

void SideSources::ReadExitRecordDrops() {
  const absl::StatusOr<uint64_t> drops = inputs_.exit_records->Drops();
  if (!drops.ok() || *drops == evidence_.stats.exit_records_lost) return;
  evidence_.stats.exit_records_lost = *drops;
  evidence_.exit_records_lost = true;
}

void SideSources::ReadLog() {
  if (!inputs_.kernel_log.ok()) return;
  // An error leaves what was read; the next call tries again.
  (void)inputs_.kernel_log->Read(evidence_.kills);
  evidence_.stats.log_records_lost = inputs_.kernel_log->lost();
}

ProcessFacts SideSources::Complete(const ProcessSnapshot& snapshot) {
  ProcessFacts facts = execs_.Complete(snapshot);
  Track(facts);
  return facts;
}

void SideSources::ReadUsage(std::span<const pid_t> tgids, std::vector<UsageSample>& samples) {
  for (const pid_t tgid : tgids) {
    const std::optional<UsageSample> sample = inputs_.usage->Read(tgid);
    ++(sample ? evidence_.stats.samples_read : evidence_.stats.samples_gone);
    if (sample) samples.push_back(*sample);
  }
}

void SideSources::Track(const ProcessFacts& facts) {
  if (inputs_.refusals) inputs_.refusals->Track(facts.cgroup);
}

}  // namespace cnproc
