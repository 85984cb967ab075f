// SPDX-License-Identifier: Apache-2.0
#include "exporter/check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "collectors/kernel/procfs.h"
#include "collectors/kernel/recorder.h"
#include "exporter/inputs.h"
#include "exporter/settings.h"

namespace cnproc {
namespace {

void Print(std::string_view part, bool works, std::string_view remark) {
  std::cout << (works ? "ok      " : "lacking ") << part;
  if (!remark.empty()) std::cout << ": " << remark;
  std::cout << '\n';
}

// Files that could not be used have ended the check before it began.
void PrintFiles(const Options& options, const Settings& settings) {
  if (!options.config_file.empty()) Print("config.file", true, options.config_file);
  for (const std::string& impossible : ImpossibleExpectations(settings)) {
    Print("config.file", false, impossible);
  }
  if (!options.web_config_file.empty()) Print("web.config.file", true, options.web_config_file);
}

// Asks whether it could be written, and touches nothing.
bool CheckRecording(const std::string& file) {
  struct stat found = {};
  const bool exists = stat(file.c_str(), &found) == 0;
  // A recording that is there is renamed; pipes, devices and what has no packet are written over.
  const bool in_folder = !exists || Recorder::IsKept(found);
  const std::string folder = std::filesystem::path(file).parent_path().string();
  const std::string needed = !in_folder ? file : folder.empty() ? "." : folder;
  std::string why;
  if (exists && S_ISDIR(found.st_mode)) {
    why = std::strerror(EISDIR);
  } else if (faccessat(AT_FDCWD, needed.c_str(), W_OK, AT_EACCESS) != 0) {
    why = std::strerror(errno);
  }
  Print("connector.record", why.empty(),
        why.empty() ? file : absl::StrCat(needed, " cannot be written: ", why));
  return why.empty();
}

// Sets `names` to whether the stream brings the names of programs.
bool CheckStream(Options options, absl::Status& names) {
  // A check must not overwrite a recording.
  options.record_file.clear();
  const absl::StatusOr<Source> source = OpenSource(options);
  if (!source.ok()) {
    Print("stream", false, std::string(source.status().message()));
    return false;
  }
  names = source->names;
  if (!options.replay_file.empty()) {
    Print("stream", true, absl::StrCat("replay of ", options.replay_file));
    return true;
  }
  Print("stream", true,
        absl::StrCat("acknowledged by the kernel; receive buffer ", source->receive_buffer.bytes,
                     " bytes",
                     source->IsShortOfBuffer(options)
                         ? absl::StrCat(", less than asked for: ", kHowToGetBuffer)
                         : ""));
  return true;
}

void CheckProcfs(const Options& options) {
  const ProcFs procfs(options.procfs_root);
  const absl::StatusOr<uint64_t> forks = procfs.TotalForks();
  Print("audit", forks.ok(), forks.ok() ? "" : std::string(forks.status().message()));
}

// Whether the machine lets us do what a collector does.
struct Verdict {
  absl::Status status;
  std::string remark;  // what works less well than it could
};

// What rules ask for can be out of reach: exe of other users' processes, on hardened hosts their
// command lines too.
Verdict CheckNames(const Options& options, const Settings& settings, const SideInputs& machine,
                   const absl::Status& names) {
  Verdict verdict{.status = machine.processes.status(), .remark = ""};
  std::vector<std::string> remarks;
  if (!names.ok()) {
    remarks.push_back(
        absl::StrCat("named by /proc, so that of programs that follow each other at once the first "
                     "are unknown: ",
                     names.message()));
  }
  std::vector<std::string> missing;
  const std::string init = options.procfs_root + "/1/";
  if (settings.program_rules.Needs(RuleInput::kExe)) {
    char target = 0;
    if (readlink((init + "exe").c_str(), &target, 1) < 0) missing.emplace_back("exe");
  }
  if (settings.program_rules.Needs(RuleInput::kCmdline) &&
      access((init + "cmdline").c_str(), R_OK) != 0) {
    missing.emplace_back("cmdline");
  }
  if (!missing.empty()) {
    remarks.push_back(absl::StrCat(
        "rules ask for ", absl::StrJoin(missing, " and "),
        ", which cannot be read of other users' processes and matches nothing there; grant "
        "CAP_SYS_PTRACE"));
  }
  verdict.remark = absl::StrJoin(remarks, "; ");
  return verdict;
}

Verdict CheckCgroups(const SideInputs& machine) {
  Verdict verdict{.status = machine.processes.status(), .remark = ""};
  const absl::Status& refusals = machine.refusals->status();
  if (!refusals.ok()) {
    verdict.remark = absl::StrCat("refused forks are not counted: ", refusals.message());
  }
  return verdict;
}

Verdict CheckCollector(const CollectorSpec& spec, const Options& options, const Settings& settings,
                       const SideInputs& machine, const absl::Status& names) {
  const std::string_view name = spec.name;
  if (!options.replay_file.empty() && spec.dimension) {
    const bool named = spec.dimension == Dimension::kProgram && names.ok();
    return {.status = named ? absl::OkStatus() : machine.processes.status(), .remark = ""};
  }
  if (name == "program" || name == "lineage") {
    return CheckNames(options, settings, machine, names);
  }
  if (name == "unit" || name == "container") return CheckCgroups(machine);
  if (name == "taskstats") return {.status = machine.exit_records.status(), .remark = ""};
  if (name == "usage") return {.status = machine.usage.status(), .remark = WhatUsageLacks(machine)};
  if (name == "oom") return {.status = machine.kernel_log.status(), .remark = ""};
  return {};
}

}  // namespace

int CheckConfiguration(const Options& options, const Settings& settings) {
  PrintFiles(options, settings);
  absl::Status names = absl::UnavailableError("the stream does not work");
  const bool stream_works = CheckStream(options, names);
  bool good = stream_works;
  if (!options.record_file.empty()) good = CheckRecording(options.record_file) && good;
  if (options.replay_file.empty()) CheckProcfs(options);
  const SideInputs machine = OpenSideInputs(options);
  const absl::Status sees_processes = options.replay_file.empty()
                                          ? ProcFs(options.procfs_root).SeesEveryProcess()
                                          : absl::OkStatus();
  for (const CollectorSpec* spec : options.collectors) {
    if (spec->enabled == CollectorSpec::Default::kAlways) continue;
    Verdict verdict = CheckCollector(*spec, options, settings, machine, names);
    if (spec->reads_processes && verdict.status.ok()) verdict.status = sees_processes;
    const bool works = verdict.status.ok();
    std::string remark = verdict.remark;
    if (!works) {
      remark = std::string(verdict.status.message());
    } else if (!stream_works) {
      remark = "the stream, see above";
    }
    Print(spec->name, stream_works && works, remark);
    if (!works && options.IsNamed(spec->name)) good = false;
  }
  return good ? 0 : 1;
}

}  // namespace cnproc
