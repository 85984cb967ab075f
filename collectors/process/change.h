// SPDX-License-Identifier: Apache-2.0
// What an event meant: the only thing that collectors see of the stream.
#ifndef CNPROC_COLLECTORS_PROCESS_CHANGE_H_
#define CNPROC_COLLECTORS_PROCESS_CHANGE_H_

#include <cstdint>

#include "collectors/base/enum_array.h"
#include "collectors/base/pid.h"
#include "collectors/process/event.h"
#include "collectors/process/exit_record.h"
#include "collectors/process/process_facts.h"
#include "collectors/process/process_use.h"

namespace cnproc {

// The ways in which processes are grouped; each process carries one value of each.
enum class Dimension : uint8_t { kProgram, kUnit, kContainer, kUser };
inline constexpr size_t kDimensionCount = 4;

// A living process, as the process table keeps it: 56 bytes.
struct Process {
  pid_t tgid = 0;
  pid_t parent_tgid = 0;
  int64_t start_ns = kUnknownStart;  // CLOCK_MONOTONIC
  uint32_t real_uid = kUnknownId;
  uint32_t effective_uid = kUnknownId;
  pid_t first_other_thread = 0;  // the process table's list of threads, 0 = none
  uint32_t other_threads = 0;    // living threads but the leader
  // Kept by Identities, inherited at fork: ids of label values by Dimension, 0 = none (yet).
  EnumArray<Dimension, uint32_t, kDimensionCount> values{};
  NameSource name_source = NameSource::kUnknown;  // of the program
  bool leader_exited = false;                     // other threads keep the process alive
  bool kernel_thread = false;
  bool fork_seen = false;  // start_ns is the time of its FORK event
};

// What the machine said beside the stream about an event. All may be null: it was not asked or
// could not tell.
struct Evidence {
  const ProcessFacts* facts = nullptr;      // EXEC: of the program that begins
  const ExitRecord* exec_record = nullptr;  // EXEC: of the leader's next exit, if it has come yet
  const ExitRecord* exit_record = nullptr;  // EXIT: of the task that ended
};

struct Change {
  enum class Type : uint8_t {
    kProcessForked,  // process = the child, parent = who forked, if known
    kThreadForked,   // process may be null
    kExeced,
    kThreadExited,      // the process lives on; process may be null
    kProcessEnded,      // still in the table during this change
    kUidChanged,        // of the leader; process may be null if it has ended
    kGidChanged,        // as kUidChanged
    kSessionCreated,    // process may be null
    kPtraceAttached,    // process may be null
    kPtraceDetached,    // process may be null
    kProcessAppeared,   // neither scan nor fork had shown it before
    kProcessVanished,   // its end was never seen; still in the table during this change
    kProcessConfirmed,  // a scan saw a process that was known, or, without snapshot, its parent
    kOomKilled,         // the kernel logged it; tgid is 0 if it is not in the table any more
    kEscalated,         // the process escalated itself, it did not exec a set-uid program
    kSampled,           // what a living process has used was read
  };
  static constexpr size_t kTypeCount = static_cast<size_t>(Type::kSampled) + 1;

  Type type = Type::kProcessForked;
  bool at_start = false;  // kProcessAppeared, kProcessVanished: before the first scan was done
  // kUidChanged: the effective uid went from non-zero to 0. A second change says to whom it counts:
  // kEscalated, or the kExeced of a set-uid program.
  bool escalated = false;
  bool oom_in_cgroup = false;       // kOomKilled: by a cgroup's limit, not the host's
  bool real_uid_corrected = false;  // kProcessConfirmed: events had missed a change
  bool late_escalated = false;      // as late_execs
  int64_t timestamp_ns = 0;         // CLOCK_MONOTONIC
  Process* process = nullptr;
  Process* parent = nullptr;                  // kProcessForked, kProcessConfirmed without snapshot
  const ProcessSnapshot* snapshot = nullptr;  // kProcessAppeared by a scan, kProcessConfirmed
  uint32_t wait_status = 0;                   // kProcessEnded
  uint32_t effective_id = kUnknownId;         // kUidChanged, kGidChanged

  // What the machine said beside the stream, see Evidence. Null: it was not asked or could not
  // tell.
  const ProcessFacts* facts = nullptr;  // kExeced, and where there is a snapshot
  // kThreadExited, kProcessEnded: of the task that ended. kExeced: of the process' next exit, if it
  // has ended by now.
  const ExitRecord* record = nullptr;

  // Set by Identities.
  uint32_t previous_program = 0;  // kExeced: whom the process was before
  // Execs and forks of this process that could not be counted by program until now, because its
  // name was not known: whose they are, and whom the process was before.
  uint32_t late_execs = 0;
  uint32_t late_forks = 0;
  uint32_t late_program = 0;
  uint32_t late_previous_program = 0;
  // kProcessConfirmed: the program that a living process was, which new rules call otherwise.
  uint32_t renamed_from = 0;

  const ProcessUse* use = nullptr;  // kSampled
};

// Takes every change, in order, in the one thread that owns the process table. The sink may fill in
// what the table leaves open.
class ChangeSink {
 public:
  virtual ~ChangeSink() = default;
  virtual void OnChange(Change& change) = 0;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PROCESS_CHANGE_H_
