// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "collectors/base/time.h"
#include "collectors/metrics/family_writer.h"
#include "collectors/registry.h"

namespace cnproc {
namespace {

constexpr std::array<const char*, kEventTypeCount> kEventNames = {
    "fork", "exec", "uid", "gid", "sid", "ptrace", "comm", "coredump", "exit"};
constexpr std::array kDelayBounds = {0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0};

class StreamCollector final : public Collector {
 public:
  bool Wants(Change::Type /*type*/) const override { return false; }
  void OnEvents(std::span<const Event> events, int64_t received_ns) override {
    for (const Event& event : events) {
      delay_.Observe(received_ns - event.timestamp_ns);
    }
  }

  void Collect(const Cut& cut, Families& families) const override {
    CollectState(cut, families);
    CollectReceived(cut, families);
    CollectLost(cut, families);
    CollectRepairs(cut, families);
  }

 private:
  static void CollectState(const Cut& cut, Families& families) {
    FamilyWriter::Gauge(families, "cnproc_up",
                        "1 while the kernel has acknowledged the subscription and the collector "
                        "thread makes progress.")
        .Add(cut.up ? 1 : 0);
    FamilyWriter::Gauge(families, "cnproc_receive_buffer_bytes",
                        "Receive buffer of the process-life socket as granted by the kernel.")
        .Add(cut.stream.receive_buffer_bytes);
    const int64_t newest_ns = cut.stream.newest_event_ns;
    FamilyWriter::Gauge(families, "cnproc_last_event_timestamp_seconds",
                        "Unix time of the newest event, 0 before the first one.")
        .Add(newest_ns == 0 ? 0 : Seconds(newest_ns + cut.unix_offset_ns));
  }

  void CollectReceived(const Cut& cut, Families& families) const {
    FamilyWriter events = FamilyWriter::Counter(families, "cnproc_events_total",
                                                "Process events received and decoded, by type.",
                                                cut.start_time_seconds);
    for (size_t i = 0; i < kEventTypeCount; ++i) {
      events.Add(cut.stream.events[i], {{"event", kEventNames[i]}});
    }
    FamilyWriter::OfHistograms(families, "cnproc_event_delay_seconds",
                               "Time from the kernel's timestamp of an event until it was "
                               "processed.",
                               cut.start_time_seconds)
        .Add(delay_);
    FamilyWriter::Counter(families, "cnproc_messages_rejected_total",
                          "Messages on the connector that are no event of the kernel.",
                          cut.start_time_seconds)
        .Add(cut.stream.malformed, {{"reason", "malformed"}})
        .Add(cut.stream.foreign_sender, {{"reason", "foreign_sender"}})
        .Add(cut.stream.unknown_event, {{"reason", "unknown_event"}});
  }

  static void CollectLost(const Cut& cut, Families& families) {
    const auto dropped = [&cut](SocketId socket) {
      return static_cast<double>(cut.stream.dropped[socket]);
    };
    FamilyWriter::Counter(
        families, "cnproc_events_lost_total",
        "Process events lost, counted exactly: in the receive buffer for the life of processes, "
        "in the one for comm, uid, gid and ptrace events, by the kernel before any socket, and "
        "forks while nothing was subscribed (a lower bound).",
        cut.start_time_seconds)
        .Add(dropped(SocketId::kLife), {{"reason", "receive_buffer"}})
        .Add(dropped(SocketId::kAttribute), {{"reason", "attribute_buffer"}})
        .Add(cut.stream.lost_in_kernel, {{"reason", "kernel"}})
        .Add(cut.stream.forks_unsubscribed, {{"reason", "unsubscribed"}});
    FamilyWriter::Counter(families, "cnproc_enobufs_total",
                          "Receive calls that failed with ENOBUFS: overruns, not events.",
                          cut.start_time_seconds)
        .Add(cut.stream.overruns);
    if (cut.host.kernel_forks) {
      FamilyWriter::Counter(families, "cnproc_kernel_forks_total",
                            "Forks of processes and threads by /proc/stat since the exporter "
                            "started: an independent audit of cnproc_forks_total.",
                            cut.start_time_seconds)
          .Add(*cut.host.kernel_forks);
    }
  }

  static void CollectRepairs(const Cut& cut, Families& families) {
    FamilyWriter::Counter(families, "cnproc_resubscriptions_total",
                          "Renewals of the subscription: another tool had muted it, or a socket "
                          "failed.",
                          cut.start_time_seconds)
        .Add(cut.stream.resubscriptions_muted, {{"reason", "muted"}})
        .Add(cut.stream.resubscriptions_error, {{"reason", "error"}});
    FamilyWriter::Counter(families, "cnproc_resyncs_total",
                          "Reconciliations of the process table with /proc.",
                          cut.start_time_seconds)
        .Add(cut.stream.resyncs_loss, {{"reason", "loss"}})
        .Add(cut.stream.resyncs_resubscribe, {{"reason", "resubscribe"}});
  }

  Histogram delay_{kDelayBounds, Histogram::Buckets::kClassicAndNative, kNsPerSecond};
};

}  // namespace

std::unique_ptr<Collector> CreateStreamCollector(const CollectorContext& /*context*/) {
  return std::make_unique<StreamCollector>();
}

}  // namespace cnproc
