// SPDX-License-Identifier: Apache-2.0
// What an event meant: the only thing that collectors see of the stream.
#ifndef CNPROC_COLLECTORS_PROCESS_CHANGE_H_
#define CNPROC_COLLECTORS_PROCESS_CHANGE_H_

#include <sys/types.h>

#include <array>
#include <cstdint>

#include "collectors/process/event.h"

namespace cnproc {

inline constexpr int64_t kUnknownStart = INT64_MIN;

// What user space calls a process can be told by; each process carries one value of each.
enum class Dimension : uint8_t { kProgram, kUnit, kContainer, kUser };
inline constexpr size_t kDimensionCount = 4;

// A living process, as the process table keeps it: 64 bytes.
struct Process {
  pid_t tgid = 0;
  pid_t parent_tgid = 0;
  int64_t start_ns = kUnknownStart;  // CLOCK_MONOTONIC
  uint32_t real_uid = kUnknownId;
  uint32_t effective_uid = kUnknownId;
  pid_t first_other_thread = 0;  // the process table's list of threads, 0 = none
  uint32_t other_threads = 0;    // living threads but the leader
  // Owned by the collectors of the dimensions: ids of label values, inherited at fork.
  std::array<uint32_t, kDimensionCount> values{};
  bool leader_exited = false;  // other threads keep the process alive
  bool kernel_thread = false;
};

struct Change {
  enum class Type : uint8_t {
    kProcessForked,  // process = the child, parent = who forked, if known
    kThreadForked,   // process may be null
    kExeced,
    kThreadExited,     // the process lives on; process may be null
    kProcessEnded,     // still in the table while this is told
    kUidChanged,       // of the leader; process may be null if it has ended
    kGidChanged,       // as kUidChanged
    kSessionCreated,   // process may be null
    kPtraceAttached,   // process may be null
    kPtraceDetached,   // process may be null
    kProcessAppeared,  // neither scan nor fork had shown it before
    kProcessVanished,  // its end was never seen; still in the table while this is told
  };

  Type type = Type::kProcessForked;
  int64_t timestamp_ns = 0;  // CLOCK_MONOTONIC
  Process* process = nullptr;
  Process* parent = nullptr;                  // kProcessForked
  const ProcessSnapshot* snapshot = nullptr;  // kProcessAppeared by a scan
  uint32_t wait_status = 0;                   // kProcessEnded
  uint32_t effective_id = kUnknownId;         // kUidChanged, kGidChanged
  bool escalated = false;  // kUidChanged: the effective uid went from non-zero to 0
  bool at_start = false;   // kProcessAppeared, kProcessVanished: before the first scan was done
};

// Told every change, in order, by the one thread that owns the process table.
class ChangeSink {
 public:
  virtual ~ChangeSink() = default;
  virtual void OnChange(const Change& change) = 0;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PROCESS_CHANGE_H_
