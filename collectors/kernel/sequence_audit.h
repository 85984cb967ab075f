// SPDX-License-Identifier: Apache-2.0
// Finds what the kernel failed to allocate and therefore never queued: such an event appears in no
// drop counter, only as a gap in the sequence numbers of its CPU (cn_msg.seq counts per CPU).
#ifndef CNPROC_COLLECTORS_KERNEL_SEQUENCE_AUDIT_H_
#define CNPROC_COLLECTORS_KERNEL_SEQUENCE_AUDIT_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cnproc {

// (newest seq - first seq) - received - dropped, summed over all CPUs. The sum, because the order
// of one CPU's events is lost where two sockets receive them, and because the drop counters do not
// say whose events they dropped. Pure; not thread safe.
//
// Two things make the sum exact. Events queued between the reads of the two sockets would look
// lost: so each round is judged by the marks set at the end of the round before, when everything up
// to them has certainly been read. And a drop at the end of a CPU's stream has no later event to
// show its number: so after drops the audit waits for a probe of every CPU.
class SequenceAudit {
 public:
  // CPUs numbered beyond are left out (old kernels may say 0xffffffff).
  explicit SequenceAudit(size_t max_cpus) : max_cpus_(max_cpus) {}

  // Forgets everything but the losses found: a new subscription has a new first number.
  void Restart(uint64_t drops);
  // The number that a probe of this CPU drew at the start: events up to it came before the audit.
  // Without one a CPU's first event is its start.
  void SetBaseline(uint32_t cpu, uint32_t sequence);
  // All of these were drawn. Of what was dropped meanwhile nobody knows on which side of its CPU's
  // number it was: as much of it as is missing when the sum is first taken is no loss of the
  // kernel's.
  void EndBaselines(uint64_t drops);
  // Every message of the kernel, acknowledgements included.
  void OnMessage(uint32_t cpu, uint32_t sequence);
  // All CPUs that can be probed were, and the answers read; `drops` as read before the probe.
  void OnProbed(uint64_t drops);

  // At the end of a round in which both sockets were read until they were empty. `drops` is the sum
  // of both sockets' drop counters.
  void EndDrainedRound(uint64_t drops);

  bool wants_probe() const { return wants_probe_; }
  uint64_t lost() const { return lost_; }

 private:
  struct Cpu {
    bool known = false;
    bool probed = false;  // the baseline is the kernel's own number, not the first event's
    uint32_t newest = 0;
    int64_t span = 0;       // newest - baseline, past 2^32 too
    int64_t mark = 0;       // the span at the end of the round before
    uint64_t received = 0;  // after the baseline
    uint64_t beyond_mark = 0;
  };

  Cpu* Find(uint32_t cpu);
  void SetMarks(uint64_t drops);

  const size_t max_cpus_;
  std::vector<Cpu> cpus_;  // as many as were heard of: each round goes through all of them
  bool wants_probe_ = false;
  bool probed_ = false;  // since the last round
  bool marked_ = false;
  uint64_t marked_drops_ = 0;
  uint64_t first_drops_ = 0;
  int64_t unplaced_drops_ = 0;
  int64_t lost_before_restart_ = 0;
  uint64_t lost_ = 0;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_SEQUENCE_AUDIT_H_
