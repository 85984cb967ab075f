// SPDX-License-Identifier: Apache-2.0
// What /proc has of one process, byte for byte, with no rule applied: the seam between who reads
// and who understands.
#ifndef CNPROC_COLLECTORS_PROCESS_PROCESS_BYTES_H_
#define CNPROC_COLLECTORS_PROCESS_PROCESS_BYTES_H_

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "collectors/process/program_rules.h"

namespace cnproc {

// Of one process at one moment. Not thread safe.
//   kComm     without the new line that /proc adds
//   kExe      the link's target, with " (deleted)" where the file was replaced
//   kCmdline  a NUL after each argument
//   kCgroup   the text, one line for each hierarchy
class ProcessBytes {
 public:
  virtual ~ProcessBytes() = default;

  // Read when it is first asked for. Absent: it cannot be read. Valid as long as this.
  const std::optional<std::string>& Get(RuleInput input) {
    std::optional<std::optional<std::string>>& known = known_[static_cast<size_t>(input)];
    if (!known) known = Read(input);
    return *known;
  }
  // Known already.
  void Set(RuleInput input, std::optional<std::string> text) {
    known_[static_cast<size_t>(input)] = std::move(text);
  }
  // Whether anything was asked for that may be another program's by now: all but the cgroup, which
  // an exec does not change.
  bool was_asked_of_program() const {
    return known_[static_cast<size_t>(RuleInput::kComm)] ||
           known_[static_cast<size_t>(RuleInput::kExe)] ||
           known_[static_cast<size_t>(RuleInput::kCmdline)];
  }

 protected:
  virtual std::optional<std::string> Read(RuleInput input) = 0;

 private:
  std::array<std::optional<std::optional<std::string>>, kRuleInputCount> known_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PROCESS_PROCESS_BYTES_H_
