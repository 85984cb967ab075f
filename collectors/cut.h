// SPDX-License-Identifier: Apache-2.0
// What collectors see when a page is made. Plain values; every counter only grows.
#ifndef CNPROC_COLLECTORS_CUT_H_
#define CNPROC_COLLECTORS_CUT_H_

#include <cstdint>
#include <optional>

#include "collectors/base/enum_array.h"
#include "collectors/kernel/datagram.h"
#include "collectors/process/event.h"
#include "collectors/process/process_table.h"

namespace cnproc {

// The numbers of the stream itself.
struct StreamStats {
  EnumArray<EventType, uint64_t, kEventTypeCount> events{};
  EnumArray<SocketId, uint64_t, kSocketCount> dropped{};  // by the sockets' own drop counters
  uint64_t lost_in_kernel = 0;                            // by the audit of the sequence numbers
  uint64_t forks_unsubscribed = 0;                        // by /proc/stat: a lower bound
  uint64_t overruns = 0;                                  // ENOBUFS
  uint64_t malformed = 0;
  uint64_t foreign_sender = 0;
  uint64_t unknown_event = 0;
  uint64_t resubscriptions_muted = 0;
  uint64_t resubscriptions_error = 0;
  uint64_t resyncs_loss = 0;
  uint64_t resyncs_resubscribe = 0;
  uint64_t messages = 0;              // of the kernel: events, acknowledgements, unknown events
  int64_t newest_event_ns = 0;        // CLOCK_MONOTONIC; 0 before the first event
  uint32_t receive_buffer_bytes = 0;  // of the life socket in use, as granted

  uint64_t lost() const { return dropped[0] + dropped[1] + lost_in_kernel; }
  // But for attributes: of events that the kernel never queued nobody knows which they were.
  uint64_t life_lost() const { return dropped[0] + lost_in_kernel; }
};

// Numbers of the host beside the stream, read before the cut. Absent where they could not be read,
// and in a replay.
struct HostNumbers {
  std::optional<uint64_t> kernel_forks;  // since the exporter started
  std::optional<uint64_t> tasks;
  std::optional<uint64_t> pid_max;
  std::optional<uint64_t> threads_max;
  std::optional<uint64_t> oom_kills;  // since the exporter started
};

// What was read beside the stream. Counters since the exporter started.
struct SideStats {
  uint64_t exit_records = 0;
  uint64_t exit_records_lost = 0;
  uint64_t log_records_lost = 0;  // of the kernel's log
  // Of living processes; gone: it had ended.
  uint64_t samples_read = 0;
  uint64_t samples_gone = 0;
  int64_t oldest_sample_ns = 0;  // how long ago the oldest may have been taken
  uint64_t comm_records = 0;     // names of programs at their exec
  uint64_t comm_records_lost = 0;
};

// One consistent cut, valid during Collector::Collect.
struct Cut {
  const StreamStats& stream;
  const ProcessTable& processes;
  const HostNumbers& host;
  const SideStats& side;
  bool up = false;
  int64_t unix_offset_ns = 0;     // Unix time less the events' clock
  double start_time_seconds = 0;  // Unix time at which counting began
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_CUT_H_
