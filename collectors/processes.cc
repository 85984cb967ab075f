// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "collectors/base/time.h"
#include "collectors/metrics/family_writer.h"
#include "collectors/newest_end.h"
#include "collectors/rate_per_second.h"
#include "collectors/registry.h"
#include "collectors/wait_status.h"

namespace cnproc {
namespace {

constexpr std::array kRateBounds = {0.0,   1.0,    10.0,   30.0,    100.0,
                                    300.0, 1000.0, 3000.0, 10000.0, 30000.0};
constexpr std::array kLifetimeBounds = {0.001, 0.01,  0.1,    1.0,     10.0,
                                        60.0,  600.0, 3600.0, 21600.0, 86400.0};
// What shells and container runtimes give: failure, misuse, cannot execute, not found, bad exit.
constexpr std::array<uint8_t, 5> kExpectedCodes = {1, 2, 126, 127, 128};

class ProcessesCollector final : public Collector {
 public:
  explicit ProcessesCollector(const CollectorContext& context) : identities_(context.identities) {
    for (const uint8_t code : kExpectedCodes) code_seen_[code] = true;
  }

  void OnChange(const Change& change) override {
    switch (change.type) {
      case Change::Type::kProcessForked:
        ++process_forks_;
        rate_.Count(change.timestamp_ns);
        break;
      case Change::Type::kThreadForked:
        ++thread_forks_;
        break;
      case Change::Type::kExeced:
        ++execs_;
        break;
      case Change::Type::kThreadExited:
        ++thread_exits_;
        break;
      case Change::Type::kProcessEnded:
        OnEnd(change);
        break;
      case Change::Type::kUidChanged:
        ++uid_changes_[change.effective_id == 0 ? kToRoot : kToOther];
        escalations_ += change.escalated ? 1 : 0;
        break;
      case Change::Type::kGidChanged:
        ++gid_changes_[change.effective_id == 0 ? kToRoot : kToOther];
        break;
      case Change::Type::kSessionCreated:
        ++sessions_;
        break;
      case Change::Type::kPtraceAttached:
        ++attaches_;
        break;
      case Change::Type::kPtraceDetached:
        ++detaches_;
        break;
      case Change::Type::kProcessAppeared:
        appeared_ += change.at_start ? 0 : 1;
        break;
      case Change::Type::kProcessVanished:
        vanished_ += change.at_start ? 0 : 1;
        break;
      case Change::Type::kProcessConfirmed:
      case Change::Type::kOomKilled:
      case Change::Type::kEscalated:
      case Change::Type::kSampled:
        break;
    }
  }

  void OnLoss(int64_t from_ns, int64_t to_ns) override { rate_.OnLoss(from_ns, to_ns); }
  void OnTime(int64_t until_ns) override { rate_.OnTime(until_ns); }

  void Collect(const Cut& cut, Families& families) const override {
    const double start = cut.start_time_seconds;
    CollectStarts(start, families);
    CollectEnds(start, families);
    CollectSignalsAndCodes(start, families);
    CollectAttributes(start, families);
    CollectTable(cut, families);
    CollectLimits(cut, families);
  }

 private:
  enum IdTarget : size_t { kToRoot = 0, kToOther = 1 };

  void OnEnd(const Change& change) {
    const WaitStatus status(change.wait_status);
    ++exits_[static_cast<size_t>(status.outcome())];
    if (status.outcome() == Outcome::kSignal) {
      const size_t kind = SignalKind(status.signal);
      ++signals_[kind];
      newest_by_signal_[kind].Set(change, 1, identities_);
      if (DumpsCore(status.signal)) {
        ++coredumps_[kind][status.core_written];
        newest_coredumps_[kind][status.core_written].Set(change, 1, identities_);
      }
    } else if (status.outcome() == Outcome::kError) {
      ++codes_[status.code];
      code_seen_[status.code] = true;
    }
    if (change.process->start_ns == kUnknownStart) {
      ++unknown_lifetimes_;
    } else {
      const int64_t lifetime_ns =
          std::max<int64_t>(change.timestamp_ns - change.process->start_ns, 0);
      newest_by_lifetime_[lifetimes_.Observe(lifetime_ns)].Set(change, Seconds(lifetime_ns),
                                                               identities_);
    }
  }

  void CollectStarts(double start, Families& families) const {
    FamilyWriter::Counter(families, "cnproc_forks_total",
                          "Forks by kind; a rate over both kinds counts threads too.", start)
        .Add(process_forks_, {{"kind", "process"}})
        .Add(thread_forks_, {{"kind", "thread"}});
    FamilyWriter::OfHistograms(families, "cnproc_forks_per_second",
                               "Process forks in each second, empty ones as 0, seconds with lost "
                               "events left out.",
                               start)
        .Add(rate_.histogram());
    FamilyWriter::Counter(families, "cnproc_execs_total", "Programs started in a process.", start)
        .Add(execs_);
  }

  void CollectEnds(double start, Families& families) const {
    FamilyWriter exits =
        FamilyWriter::Counter(families, "cnproc_process_exits_total",
                              "Processes ended, each once, at its last thread's exit.", start);
    for (size_t i = 0; i < exits_.size(); ++i) {
      exits.Add(exits_[i], {{"outcome", kOutcomeNames[i]}});
    }
    FamilyWriter::Counter(families, "cnproc_thread_exits_total",
                          "Exits of tasks that did not end their process.", start)
        .Add(thread_exits_);
    FamilyWriter lifetimes =
        FamilyWriter::OfHistograms(families, "cnproc_process_lifetime_seconds",
                                   "Time from a process' fork to its last exit.", start);
    lifetimes.Add(lifetimes_);
    for (size_t i = 0; i < newest_by_lifetime_.size(); ++i) {
      lifetimes.WithBucketExemplar(i, newest_by_lifetime_[i].At(identities_));
    }
    FamilyWriter::Counter(families, "cnproc_process_lifetimes_unknown_total",
                          "Processes ended whose start was never seen.", start)
        .Add(unknown_lifetimes_);
  }

  void CollectSignalsAndCodes(double start, Families& families) const {
    FamilyWriter signals = FamilyWriter::Counter(families, "cnproc_exit_signals_total",
                                                 "Processes ended by a signal.", start);
    for (size_t kind = 0; kind < kSignalKinds; ++kind) {
      signals.Add(signals_[kind], {{"signal", SignalKindName(kind)}})
          .WithExemplar(newest_by_signal_[kind].At(identities_));
    }
    FamilyWriter codes = FamilyWriter::Counter(families, "cnproc_exit_codes_total",
                                               "Processes that ended with a non-zero code.", start);
    for (size_t code = 1; code < codes_.size(); ++code) {
      if (!code_seen_[code]) continue;
      codes.Add(codes_[code], {{"code", std::to_string(code)}});
    }
    FamilyWriter coredumps = FamilyWriter::Counter(
        families, "cnproc_coredumps_total",
        "Processes ended by a signal whose default is to dump core, and whether one was written.",
        start);
    for (size_t kind = 0; kind < kSignalKinds; ++kind) {
      if (!DumpsCore(static_cast<uint8_t>(kind + 1))) continue;
      for (const bool written : {false, true}) {
        coredumps
            .Add(coredumps_[kind][written],
                 {{"signal", SignalKindName(kind)}, {"written", written ? "true" : "false"}})
            .WithExemplar(newest_coredumps_[kind][written].At(identities_));
      }
    }
  }

  void CollectAttributes(double start, Families& families) const {
    FamilyWriter changes = FamilyWriter::Counter(
        families, "cnproc_credential_changes_total",
        "Changes of a process' uids or gids, by the effective id afterwards.", start);
    changes.Add(gid_changes_[kToOther], {{"credential", "gid"}, {"to", "other"}})
        .Add(gid_changes_[kToRoot], {{"credential", "gid"}, {"to", "root"}})
        .Add(uid_changes_[kToOther], {{"credential", "uid"}, {"to", "other"}})
        .Add(uid_changes_[kToRoot], {{"credential", "uid"}, {"to", "root"}});
    FamilyWriter::Counter(families, "cnproc_privilege_escalations_total",
                          "Times that a process' effective uid went from non-zero to 0.", start)
        .Add(escalations_);
    FamilyWriter::Counter(families, "cnproc_sessions_total", "Sessions created by setsid.", start)
        .Add(sessions_);
    FamilyWriter::Counter(families, "cnproc_ptrace_total",
                          "Ptrace attaches and detaches: calls, not traced processes.", start)
        .Add(attaches_, {{"action", "attach"}})
        .Add(detaches_, {{"action", "detach"}});
  }

  void CollectTable(const Cut& cut, Families& families) const {
    FamilyWriter::Gauge(families, "cnproc_processes", "Processes alive, by the process table.")
        .Add(cut.processes.processes());
    FamilyWriter::Gauge(families, "cnproc_threads",
                        "Tasks alive, by the process table: every thread of every process.")
        .Add(cut.processes.threads());
    FamilyWriter::Counter(families, "cnproc_processes_reconciled_total",
                          "Processes that a comparison with /proc, or an event of a process never "
                          "heard of, showed to have appeared or vanished unseen.",
                          cut.start_time_seconds)
        .Add(appeared_, {{"change", "appeared"}})
        .Add(vanished_, {{"change", "vanished"}});
    FamilyWriter::Counter(families, "cnproc_process_table_evictions_total",
                          "Tasks given up because the process table was full.",
                          cut.start_time_seconds)
        .Add(cut.processes.evictions());
  }

  static void CollectLimits(const Cut& cut, Families& families) {
    if (cut.host.tasks) {
      FamilyWriter::Gauge(families, "cnproc_kernel_tasks",
                          "Tasks by /proc/loadavg, zombies included: what counts against the "
                          "limits.")
          .Add(*cut.host.tasks);
    }
    if (cut.host.pid_max && cut.host.threads_max) {
      FamilyWriter::Gauge(families, "cnproc_tasks_limit", "The kernel's limits for tasks.")
          .Add(*cut.host.pid_max, {{"limit", "pid_max"}})
          .Add(*cut.host.threads_max, {{"limit", "threads_max"}});
    }
  }

  const Identities& identities_;
  uint64_t process_forks_ = 0;
  uint64_t thread_forks_ = 0;
  uint64_t execs_ = 0;
  std::array<uint64_t, 3> exits_{};  // by Outcome
  uint64_t thread_exits_ = 0;
  std::array<uint64_t, kSignalKinds> signals_{};
  std::array<std::array<uint64_t, 2>, kSignalKinds> coredumps_{};  // by whether a core was written
  std::array<NewestEnd, kSignalKinds> newest_by_signal_;
  std::array<std::array<NewestEnd, 2>, kSignalKinds> newest_coredumps_;
  std::array<uint64_t, 256> codes_{};
  std::array<bool, 256> code_seen_{};
  uint64_t unknown_lifetimes_ = 0;
  std::array<uint64_t, 2> uid_changes_{};  // by IdTarget
  std::array<uint64_t, 2> gid_changes_{};
  uint64_t escalations_ = 0;
  uint64_t sessions_ = 0;
  uint64_t attaches_ = 0;
  uint64_t detaches_ = 0;
  uint64_t appeared_ = 0;
  uint64_t vanished_ = 0;
  RatePerSecond rate_{kRateBounds};
  Histogram lifetimes_{kLifetimeBounds, Histogram::Buckets::kClassicAndNative, kNsPerSecond};
  std::array<NewestEnd, kLifetimeBounds.size() + 1> newest_by_lifetime_;  // by bucket
};

}  // namespace

std::unique_ptr<Collector> CreateProcessesCollector(const CollectorContext& context) {
  return std::make_unique<ProcessesCollector>(context);
}

}  // namespace cnproc
