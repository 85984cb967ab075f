// SPDX-License-Identifier: Apache-2.0
// What program a process executes: from what the kernel recorded at its exec, what /proc says of
// it, and the operator's rules.
#ifndef CNPROC_COLLECTORS_WHO_PROCESS_NAMER_H_
#define CNPROC_COLLECTORS_WHO_PROCESS_NAMER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "collectors/process/process_bytes.h"
#include "collectors/process/process_facts.h"
#include "collectors/process/program_rules.h"

namespace cnproc {

// The program of a process, in the 15 bytes that a comm has. The comm may be what the process calls
// itself by now (node becomes node-MainThread), so it counts only if the process was executed by
// that name: if it is the name of the file, or stands in the command line, where links (sh) and
// scripts have theirs. Else the process has renamed itself, and its program is the name of its
// file. Where exe cannot be read (another user's process, without CAP_SYS_PTRACE) the comm is all
// that is known.
std::string ProgramOf(std::string_view comm, ProcessBytes& bytes);

// Sets comm, rule_name, source and name_lost of ProcessFacts, and leaves the other facts alone.
// Does no I/O but through ProcessBytes; holds nothing but the rules. Not thread safe.
class ProcessNamer {
 public:
  // In force from the next call on.
  void SetRules(const ProgramRules& rules) { rules_ = rules; }

  // An exec whose comm record came. `bytes` are of the process while it executes this program; null
  // if it has executed another one since: then only rules on comm can match.
  void NameByRecord(std::string_view comm, ProcessBytes* bytes, ProcessFacts& facts) const;

  // What is known to have happened to a process between its exec and the reading of /proc.
  enum class Since : uint8_t {
    kNothing,
    kRenamed,  // it calls itself something else
    kExeced,   // it executes another program: the name of this one is lost
    kReused,   // it has ended, and another process has its id; its exit record tells
  };
  // An exec without a record.
  void NameByProc(Since since, ProcessBytes& bytes, ProcessFacts& facts) const;

  // A process that a scan found.
  void NameFound(std::string_view comm, ProcessBytes& bytes, ProcessFacts& facts) const;

 private:
  void ApplyRules(ProcessBytes* bytes, ProcessFacts& facts) const;

  ProgramRules rules_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_WHO_PROCESS_NAMER_H_
