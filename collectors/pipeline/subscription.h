// SPDX-License-Identifier: Apache-2.0
// The subscription to the kernel's events: what keeps it up, and how it is known that nothing is
// missing.
#ifndef CNPROC_COLLECTORS_PIPELINE_SUBSCRIPTION_H_
#define CNPROC_COLLECTORS_PIPELINE_SUBSCRIPTION_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "collectors/base/log_sink.h"
#include "collectors/kernel/datagram_source.h"
#include "collectors/kernel/procfs.h"
#include "collectors/kernel/waker.h"
#include "collectors/pipeline/event_stream.h"
#include "collectors/pipeline/fork_audit.h"
#include "collectors/pipeline/resync_schedule.h"

namespace cnproc {

// Reads the stream round by round and, beside some rounds, /proc/stat, which counts every fork
// whoever listens. Renews the subscription where the source fails (at every round until it
// succeeds) or where forks happen and no event comes. Used by one thread, but for what says
// otherwise.
class Subscription {
 public:
  // `source` is subscribed. `procfs` outlives this; null in a replay, which is not audited.
  Subscription(std::unique_ptr<DatagramSource> source, const ProcFs* procfs, LogSink say);

  // Before the first round, in the thread that reads.
  void Begin();

  // What a round came to.
  struct Outcome {
    bool drained = false;    // both sockets were
    bool caught_up = false;  // with the life socket, or there is nothing to be read from
    // Life events of this time (the events' clock) were lost.
    struct Gap {
      int64_t from_ns = 0;
      int64_t to_ns = 0;
    };
    std::optional<Gap> gap;
    ResyncReason resync = ResyncReason::kNone;  // what the process table needs for it
    std::string renewed_why;                    // the subscription was; empty: it was not
  };
  // A round, as EventStream has it. `tick`: once a second, with an audit.
  void BeginRound(bool thorough, bool tick);
  std::optional<Batch> Next();
  Outcome EndRound();

  // OK while the kernel's acknowledgement is in force; else why not: the source is broken, or a
  // recording has come to its end.
  const absl::Status& status() const { return status_; }
  bool is_broken() const { return state_ == State::kBroken; }
  // The next round has something to find out that does not wait for events.
  bool wants_round_now() const { return baseline_tries_ > 0 || unsubscribed_audit_due_; }
  // All events until then (the events' clock) were delivered, or said to be lost. 0: nobody knows.
  int64_t delivered_until_ns() const;

  const StreamStats& stats() const { return stream_.stats(); }
  void CountResync(ResyncReason reason);

  void Wait(const Waker& waker, int64_t timeout_ns) { source_->Wait(waker.fd(), timeout_ns); }
  int64_t NowNs() const { return source_->NowNs(); }
  // Thread safe.
  int64_t UnixOffsetNs() const { return source_->UnixOffsetNs(); }
  // Forks by /proc/stat where counting began, once that is known. Thread safe.
  std::optional<uint64_t> fork_baseline() const {
    const uint64_t baseline = fork_baseline_;
    return baseline == kNoBaseline ? std::nullopt : std::make_optional(baseline);
  }

 private:
  enum class State : uint8_t { kUp, kBroken, kEnded };

  void OnSubscribed();
  void Renew(bool replace_sockets, const std::string& why, Outcome& outcome);
  void EndAudit(uint64_t kernel_forks, Outcome& outcome);
  void NarrowBaseline(const ForkAudit& audit);
  void AccountForUnsubscribed(const ForkAudit& audit);
  void RestartMuteWatch(const ForkAudit& audit);

  static constexpr uint64_t kNoBaseline = UINT64_MAX;

  const std::unique_ptr<DatagramSource> source_;
  const ProcFs* const procfs_;
  const LogSink say_;
  EventStream stream_;
  State state_ = State::kUp;
  absl::Status status_;

  int64_t round_began_ns_ = 0;
  bool tick_ = false;                     // the round has one
  std::optional<uint64_t> kernel_forks_;  // by /proc/stat, read before the round
  int64_t life_drained_ns_ = 0;           // when the life socket was last empty

  // How far /proc/stat is ahead of the stream; on a machine that never pauses it may take some
  // rounds until they leave one number only.
  ForkOffset baseline_;
  int baseline_tries_ = 0;         // that are left
  bool narrows_baseline_ = false;  // the round does
  std::atomic<uint64_t> fork_baseline_{kNoBaseline};
  MuteWatch mute_watch_;
  int64_t forks_agreed_ns_ = 0;          // when the audit last agreed
  bool unsubscribed_ = false;            // for a while whose forks are not accounted for yet,
  bool unsubscribed_audit_due_ = false;  // and no round has tried to
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PIPELINE_SUBSCRIPTION_H_
