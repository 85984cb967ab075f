// SPDX-License-Identifier: Apache-2.0
// What /proc said of a process at its exec or in a scan, as far as it was asked. Vocabulary, as
// event.h is.
#ifndef CNPROC_COLLECTORS_PROCESS_PROCESS_FACTS_H_
#define CNPROC_COLLECTORS_PROCESS_PROCESS_FACTS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "collectors/process/cgroup_path.h"

namespace cnproc {

// How a process got its program; the values index counters.
enum class NameSource : uint8_t {
  kExec,       // from the kernel at its exec, or from /proc at once
  kTaskstats,  // from its exit record
  kInherited,  // from its parent: it never exec'd
  kRule,       // from a rule of the operator's
  kKthread,
  kUnknown,
};
inline constexpr size_t kNameSourceCount = 6;

// What is known from the text of one /proc/PID/cgroup. Shared by all processes of that group.
struct CgroupFacts {
  CgroupIdentity identity;
  // Where forks are charged, owned: see PidsCgroup. An empty path is none.
  bool pids_unified = false;
  std::string pids_path;
};

struct ProcessFacts {
  std::string comm;                       // the program's name; empty: not known
  std::string rule_name;                  // by the operator's rules; empty: none matched
  NameSource source = NameSource::kExec;  // of comm
  // The name of the program is lost for good: whatever is read of the process from now on, its exit
  // record too, names the program that it executed next, or is what it calls itself.
  bool name_lost = false;
  std::shared_ptr<const CgroupFacts> cgroup;  // null: not read
  // A container runtime at work, whatever cgroup it is in by now: the host's.
  bool sets_up_container = false;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PROCESS_PROCESS_FACTS_H_
