// SPDX-License-Identifier: Apache-2.0
#include "collectors/pipeline/incident_log.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "collectors/base/time.h"

namespace cnproc {
namespace {

uint64_t AllLost(const StreamStats& stats) { return stats.lost() + stats.forks_unsubscribed; }

std::string Times(uint64_t count) { return count == 1 ? "" : absl::StrCat(" ", count, " times"); }

}  // namespace

std::string IncidentLog::Turn::Take(int64_t now_ns, int64_t period_ns) {
  const int64_t waited_ns = now_ns - *since_ns_;
  since_ns_.reset();
  not_before_ns_ = now_ns + period_ns;
  if (waited_ns < kNsPerSecond) return "";
  return absl::StrCat(" in the last ", waited_ns / kNsPerSecond, " s");
}

void IncidentLog::OnRenewal(const std::string& why, int64_t now_ns) {
  ++renewals_;
  renewal_why_ = why;
  renewal_.Note(now_ns);
}

void IncidentLog::OnResync(const Ledger::Corrections& corrections, int64_t now_ns) {
  ++resyncs_;
  corrections_.appeared += corrections.appeared;
  corrections_.vanished += corrections.vanished;
  resync_.Note(now_ns);
}

void IncidentLog::OnRound(const StreamStats& stats, int64_t now_ns) {
  if (renewal_.IsDue(now_ns)) SayRenewals(now_ns);
  if (AllLost(stats) != AllLost(said_)) loss_.Note(now_ns);
  if (loss_.IsDue(now_ns)) SayLoss(stats, now_ns);
  if (resync_.IsDue(now_ns)) SayResyncs(now_ns);
}

void IncidentLog::SayRenewals(int64_t now_ns) {
  const std::string when = renewal_.Take(now_ns, kPeriodNs);
  say_(Severity::kWarn, absl::StrCat(std::exchange(renewal_why_, {}), "; subscribed again",
                                     Times(std::exchange(renewals_, 0)), when));
}

void IncidentLog::SayLoss(const StreamStats& stats, int64_t now_ns) {
  const std::string when = loss_.Take(now_ns, kPeriodNs);
  std::vector<std::string> parts;
  const auto add = [&](uint64_t now, uint64_t before, const char* what) {
    if (now > before) parts.push_back(absl::StrCat(now - before, " ", what));
  };
  add(stats.dropped[SocketId::kLife], said_.dropped[SocketId::kLife],
      "in the receive buffer (forks, execs, exits), of which a larger --connector.receive-buffer "
      "would have held more");
  add(stats.dropped[SocketId::kAttribute], said_.dropped[SocketId::kAttribute],
      "in the attribute buffer (names, users, ptrace)");
  add(stats.lost_in_kernel, said_.lost_in_kernel, "before they reached a socket");
  add(stats.forks_unsubscribed, said_.forks_unsubscribed,
      "or more forks while nothing was subscribed");
  const uint64_t lost = AllLost(stats) - AllLost(said_);
  say_(Severity::kWarn, absl::StrCat("lost ", lost, lost == 1 ? " event" : " events", when, ": ",
                                     absl::StrJoin(parts, "; ")));
  said_ = stats;
}

void IncidentLog::SayResyncs(int64_t now_ns) {
  const std::string when = resync_.Take(now_ns, kPeriodNs);
  const Ledger::Corrections found = std::exchange(corrections_, {});
  say_(Severity::kInfo,
       absl::StrCat("compared the process table with /proc", Times(std::exchange(resyncs_, 0)),
                    when, " after a loss; processes that had begun unseen: ", found.appeared,
                    ", that had ended unseen: ", found.vanished));
}

void IncidentLog::OnLabels(std::span<const Ledger::LabelUse> labels, int64_t now_ns) {
  for (const Ledger::LabelUse& label : labels) {
    Overflow& overflow = overflows_[label.collector];
    if (label.overflows > overflow.said) overflow.turn.Note(now_ns);
    if (!overflow.turn.IsDue(now_ns)) continue;
    const std::string collector(label.collector);
    const std::string when = overflow.turn.Take(now_ns, kOverflowPeriodNs);
    const uint64_t count = label.overflows - std::exchange(overflow.said, label.overflows);
    say_(Severity::kWarn,
         absl::StrCat("collector ", collector, " is at its limit of ", label.limit,
                      " values: another was counted as \"other\"", Times(count), when,
                      "; --collector.", collector, ".limit makes room for more"));
  }
}

}  // namespace cnproc
