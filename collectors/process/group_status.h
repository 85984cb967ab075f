// SPDX-License-Identifier: Apache-2.0
// What wait(2) says of a process with threads, derived from the ends of its threads. Pure.
#ifndef CNPROC_COLLECTORS_PROCESS_GROUP_STATUS_H_
#define CNPROC_COLLECTORS_PROCESS_GROUP_STATUS_H_

#include <cstdint>

#include "collectors/base/pid.h"
#include "collectors/process/event.h"
#include "collectors/process/exit_record.h"

namespace cnproc {

// The kernel's rule (kernel/exit.c, do_group_exit and synchronize_group_exit): the status is the
// code of exit_group or of the fatal signal if there was one, else the code of the thread that
// entered do_exit last (before Linux 6.0: the leader's). EXIT events come late in do_exit, so the
// last of them need not be of that thread: on a busy machine one that had ended long before it was
// joined can come tens of milliseconds after the leader's.
//
// Evidence, the best first:
// - COREDUMP names the thread whose code the whole process ends with.
// - The exit record of the thread that entered last says so (last_of_group, from Linux 5.19 on).
//   Its code is the status; but where it is 0 and the leader's is not, it was on its way out when
//   the leader called exit_group.
// - Without such a record: a thread that ends by itself has code 0 (pthread_exit, a return), so a
//   code other than 0 is that of exit_group or of a signal. The newest one that came within
//   kMomentNs of the end.
//
// What cannot be known: a thread that ends alone with a code other than 0 (by the bare system call,
// or killed by seccomp's SECCOMP_RET_KILL_THREAD) within kMomentNs before its process ends with 0:
// without exit records that code is taken for the status; with them, only the leader's. The
// opposite as well: a group that takes longer than kMomentNs to end after its exit_group, the
// thread that ends last having been on its way out before it.
class GroupStatus {
 public:
  // Between the EXIT events of one process: up to 296 ms where a dozen tasks share each CPU.
  static constexpr int64_t kMomentNs = 1'000'000'000;

  // Only an end that may decide the status of its whole process is worth remembering.
  static bool IsTelling(const Event& exit, const ExitRecord* record) {
    return exit.wait_status != 0 || (record != nullptr && record->last_of_group);
  }

  void OnCoredump(const Event& coredump) { dumper_ = coredump.tid; }
  // The end of any thread of the process; `record` may be null.
  void OnExit(const Event& exit, const ExitRecord* record);

  // Once all have ended.
  uint32_t Judge() const;

 private:
  struct Failure {
    uint32_t status = 0;  // 0 = none
    int64_t timestamp_ns = 0;
  };

  uint32_t JudgeSignalOrCode() const;
  uint32_t WithinMoment(const Failure& failure) const;

  pid_t dumper_ = 0;
  uint32_t dumped_status_ = 0;  // the dumper's, 0 = not ended yet
  Failure newest_;
  Failure leader_;
  int64_t newest_ns_ = 0;     // of any end
  uint32_t core_signal_ = 0;  // by which a core was written
  uint32_t last_status_ = 0;  // of the thread that entered do_exit last
  bool last_is_known_ = false;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PROCESS_GROUP_STATUS_H_
