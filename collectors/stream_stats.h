// SPDX-License-Identifier: Apache-2.0
// The numbers of the stream itself. Plain values; every counter only grows.
#ifndef CNPROC_COLLECTORS_STREAM_STATS_H_
#define CNPROC_COLLECTORS_STREAM_STATS_H_

#include <array>
#include <cstdint>

#include "collectors/kernel/datagram.h"
#include "collectors/process/event.h"

namespace cnproc {

struct StreamStats {
  std::array<uint64_t, kEventTypeCount> events{};
  std::array<uint64_t, kSocketCount> dropped{};  // by the sockets' own drop counters
  uint64_t lost_in_kernel = 0;                   // by the audit of the sequence numbers
  uint64_t forks_unsubscribed = 0;               // by /proc/stat: a lower bound
  uint64_t overruns = 0;                         // ENOBUFS
  uint64_t malformed = 0;
  uint64_t foreign_sender = 0;
  uint64_t unknown_event = 0;
  uint64_t resubscriptions_muted = 0;
  uint64_t resubscriptions_error = 0;
  uint64_t resyncs_loss = 0;
  uint64_t resyncs_resubscribe = 0;
  uint64_t messages = 0;        // of the kernel: events, acknowledgements, unknown events
  int64_t newest_event_ns = 0;  // CLOCK_MONOTONIC; 0 before the first event
  bool subscribed = false;

  uint64_t lost() const { return dropped[0] + dropped[1] + lost_in_kernel; }
  // But for attributes: of events that the kernel never queued nobody knows which they were.
  uint64_t life_lost() const { return dropped[0] + lost_in_kernel; }
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_STREAM_STATS_H_
