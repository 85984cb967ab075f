// SPDX-License-Identifier: Apache-2.0
// What an operator reads in the log of losses, of their repair and of labels that are full.
#ifndef CNPROC_COLLECTORS_PIPELINE_INCIDENT_LOG_H_
#define CNPROC_COLLECTORS_PIPELINE_INCIDENT_LOG_H_

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "collectors/base/log_sink.h"
#include "collectors/cut.h"
#include "collectors/pipeline/ledger.h"

namespace cnproc {

// Of each kind one line at once, and then at most one a period, which sums up what came in between.
// `now_ns` is CLOCK_MONOTONIC: the reader of a log has no other. Used by one thread, which holds no
// lock meanwhile: saying is a system call.
class IncidentLog {
 public:
  static constexpr int64_t kPeriodNs = 60'000'000'000;
  // A full label stays full for as long as the machine is as it is.
  static constexpr int64_t kOverflowPeriodNs = 3600'000'000'000;

  explicit IncidentLog(LogSink say) : say_(std::move(say)) {}

  // The subscription was renewed.
  void OnRenewal(const std::string& why, int64_t now_ns);
  // A comparison with /proc for a loss or a renewal came to its end.
  void OnResync(const Ledger::Corrections& corrections, int64_t now_ns);
  // After every round: says what is due. `stats` are since the start.
  void OnRound(const StreamStats& stats, int64_t now_ns);
  void OnLabels(std::span<const Ledger::LabelUse> labels, int64_t now_ns);

 private:
  // When a line of one kind may be said.
  class Turn {
   public:
    void Note(int64_t now_ns) {
      if (!since_ns_) since_ns_ = now_ns;
    }
    bool IsDue(int64_t now_ns) const { return since_ns_ && now_ns >= not_before_ns_; }
    // How long the line has waited for it, as words: nothing for one that did not.
    std::string Take(int64_t now_ns, int64_t period_ns);

   private:
    std::optional<int64_t> since_ns_;  // there is something to be said
    int64_t not_before_ns_ = 0;
  };
  struct Overflow {
    uint64_t said = 0;
    Turn turn;
  };

  void SayLoss(const StreamStats& stats, int64_t now_ns);
  void SayRenewals(int64_t now_ns);
  void SayResyncs(int64_t now_ns);

  const LogSink say_;
  StreamStats said_;  // losses until then were said
  Turn loss_;
  uint64_t renewals_ = 0;  // not said yet, and why the latest was
  std::string renewal_why_;
  Turn renewal_;
  uint64_t resyncs_ = 0;  // not said yet, and what they found
  Ledger::Corrections corrections_;
  Turn resync_;
  std::map<std::string_view, Overflow> overflows_;  // by collector, whose names are literals
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PIPELINE_INCIDENT_LOG_H_
