// SPDX-License-Identifier: Apache-2.0
#include "collectors/who/process_namer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "collectors/base/text_scan.h"
#include "collectors/process/cgroup_path.h"

namespace cnproc {
namespace {

// TASK_COMM_LEN of include/linux/sched.h, less the NUL.
constexpr size_t kCommBytes = 15;
// A script's name is the second argument, or the third where its first line has an option.
constexpr int kArgumentsWithName = 3;

// What the kernel would make the comm of a program executed by this path.
std::string_view CommOf(std::string_view path) {
  path.remove_prefix(path.rfind('/') + 1);
  return path.substr(0, kCommBytes);
}

std::string_view WithoutDeleted(std::string_view exe) {
  ConsumeSuffix(exe, " (deleted)");
  return exe;
}

bool WasExecutedAs(std::string_view comm, std::string_view cmdline) {
  for (int i = 0; i < kArgumentsWithName && !cmdline.empty(); ++i) {
    std::string_view argument = cmdline.substr(0, cmdline.find('\0'));
    cmdline.remove_prefix(std::min(argument.size() + 1, cmdline.size()));
    // A login shell is called "-bash".
    if (i == 0) ConsumePrefix(argument, "-");
    // Who renames himself often writes a title over his arguments: it has blanks.
    if (i == 0 && argument.find(' ') != std::string_view::npos) return false;
    if (CommOf(argument) == comm) return true;
  }
  return false;
}

// What rules ask for, as they are written for people.
class RuleTexts final : public RuleInputReader {
 public:
  explicit RuleTexts(ProcessBytes* bytes) : bytes_(bytes) {}

  std::optional<std::string> Read(RuleInput input) override {
    if (bytes_ == nullptr) return std::nullopt;
    std::optional<std::string> text = bytes_->Get(input);
    if (!text) return std::nullopt;
    switch (input) {
      case RuleInput::kComm:
        return text;
      case RuleInput::kExe:
        return std::string(WithoutDeleted(*text));
      case RuleInput::kCmdline:
        // A process that has just ended, but is not reaped, has an empty one.
        if (text->empty()) return std::nullopt;
        if (text->back() == '\0') text->pop_back();
        std::replace(text->begin(), text->end(), '\0', ' ');
        return text;
      case RuleInput::kCgroup:
        return std::string(MainCgroupPath(*text));
    }
    return std::nullopt;
  }

 private:
  ProcessBytes* const bytes_;
};

}  // namespace

std::string ProgramOf(std::string_view comm, ProcessBytes& bytes) {
  const std::optional<std::string>& exe = bytes.Get(RuleInput::kExe);
  if (!exe) return std::string(comm);
  const std::string_view path = WithoutDeleted(*exe);
  const std::string_view name = CommOf(path);
  // A file in memory alone has a name that nobody executed it by.
  if (name.empty() || name == comm || path.starts_with("/memfd:")) return std::string(comm);
  const std::optional<std::string>& cmdline = bytes.Get(RuleInput::kCmdline);
  if (cmdline && WasExecutedAs(comm, *cmdline)) return std::string(comm);
  return std::string(name);
}

void ProcessNamer::ApplyRules(ProcessBytes* bytes, ProcessFacts& facts) const {
  if (rules_.empty() || facts.comm.empty()) return;
  RuleTexts texts(bytes);
  facts.rule_name = rules_.Apply(facts.comm, texts).value_or("");
}

void ProcessNamer::NameByRecord(std::string_view comm, ProcessBytes* bytes,
                                ProcessFacts& facts) const {
  facts.comm = comm;
  ApplyRules(bytes, facts);
}

void ProcessNamer::NameByProc(Since since, ProcessBytes& bytes, ProcessFacts& facts) const {
  switch (since) {
    case Since::kNothing:
      facts.comm = bytes.Get(RuleInput::kComm).value_or("");
      break;
    case Since::kRenamed:
      facts.comm = CommOf(WithoutDeleted(bytes.Get(RuleInput::kExe).value_or("")));
      facts.name_lost = facts.comm.empty();
      break;
    case Since::kExeced:
      facts.name_lost = true;
      break;
    case Since::kReused:
      break;
  }
  ApplyRules(&bytes, facts);
}

void ProcessNamer::NameFound(std::string_view comm, ProcessBytes& bytes,
                             ProcessFacts& facts) const {
  facts.comm = comm.empty() ? "" : ProgramOf(comm, bytes);
  ApplyRules(&bytes, facts);
}

}  // namespace cnproc
