// SPDX-License-Identifier: Apache-2.0
// The vocabulary between bytes (collectors/kernel) and meaning (collectors/process): what the
// kernel said, decoded, with nothing added. Plain values, no ownership, no I/O.
#ifndef CNPROC_COLLECTORS_PROCESS_EVENT_H_
#define CNPROC_COLLECTORS_PROCESS_EVENT_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "collectors/base/pid.h"
#include "collectors/process/process_use.h"

namespace cnproc {

// In the order in which interface.md lists them; the values index counters.
enum class EventType : uint8_t {
  kFork,
  kExec,
  kUid,
  kGid,
  kSid,
  kPtrace,
  kComm,
  kCoredump,
  kExit,
};
inline constexpr size_t kEventTypeCount = 9;

inline constexpr int64_t kUnknownStart = INT64_MIN;

// (uid_t)-1 names nobody, so the kernel never uses it as an id.
inline constexpr uint32_t kUnknownId = UINT32_MAX;

// One event of the process connector (struct proc_event in linux/cn_proc.h).
struct Event {
  EventType type = EventType::kFork;
  uint32_t cpu = 0;          // may lie beyond the possible CPUs: never index with it unchecked
  int64_t timestamp_ns = 0;  // CLOCK_MONOTONIC
  pid_t tid = 0;             // FORK: the child
  pid_t tgid = 0;
  // FORK, EXIT, COREDUMP: the parent (0 = already reaped, or a kernel before 4.18).
  // PTRACE: the tracer, 0 for a detach. The parent of a FORK may be a thread: look up by tgid.
  pid_t parent_tid = 0;
  pid_t parent_tgid = 0;
  uint32_t wait_status = 0;       // EXIT: as wait(2) gives it
  uint32_t real_id = kUnknownId;  // UID, GID
  uint32_t effective_id = kUnknownId;
};

// One process as a scan of /proc saw it.
struct ProcessSnapshot {
  pid_t tgid = 0;
  pid_t parent_tgid = 0;
  int64_t start_ns = 0;  // CLOCK_MONOTONIC at the time of the scan, rounded down to a clock tick
  uint32_t real_uid = kUnknownId;
  uint32_t effective_uid = kUnknownId;
  bool leader_exited = false;  // the leader is a zombie, other threads live on
  bool kernel_thread = false;
  std::string comm;
  std::string cgroup;                // the text of /proc/PID/cgroup, empty where nobody asked
  std::vector<pid_t> other_threads;  // live threads but the leader
  ProcessUse use;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PROCESS_EVENT_H_
