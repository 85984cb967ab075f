// SPDX-License-Identifier: Apache-2.0
#include "collectors/pipeline/exec_facts.h"

#include <algorithm>
#include <utility>

#include "collectors/base/time.h"
#include "collectors/kernel/comm_message.h"
#include "collectors/who/container_runtime.h"

namespace cnproc {
namespace {

// More than the rings hold together, and twice what the default receive buffer holds of events.
constexpr size_t kMaxRecords = 1 << 16;
// Between the record and the event the kernel reads the program's file.
constexpr int64_t kRecordMaxAgeNs = 60 * kNsPerSecond;
constexpr size_t kMaxRuntimes = 4096;

bool IsProcessFork(const Event& event) {
  return event.type == EventType::kFork && event.tid == event.tgid;
}

}  // namespace

ExecFacts::ExecFacts(absl::StatusOr<ProcessReader> processes, DatagramSource& names)
    : processes_(std::move(processes)),
      names_(names),
      gives_names_(names.GivesNames().ok()),
      records_(kMaxRecords, kRecordMaxAgeNs) {}

absl::Status ExecFacts::names_status() const {
  return gives_names_ ? absl::OkStatus() : processes_.status();
}

void ExecFacts::ReadNames(SideStats& stats) {
  if (!gives_names_) return;
  for (bool more = true; more;) {
    const absl::StatusOr<SourceRead> read = names_.Read(SocketId::kComm);
    if (!read.ok()) return;
    for (const Datagram& datagram : read->datagrams) {
      const CommMessage message = DecodeCommMessage(datagram.bytes);
      if (message.kind == CommMessageKind::kRecord) {
        ++stats.comm_records;
        records_.Push(message.record);
      } else if (message.kind == CommMessageKind::kLost) {
        stats.comm_records_lost += message.lost;
        records_.OnRecordsLost(message.timestamp_ns);
      }
    }
    more = read->may_have_more;
  }
}

// The rings are read after the events, whose records they have by then.
void ExecFacts::Read(const Batch& batch, std::vector<ProcessFacts>& facts, SideStats& stats) {
  ReadNames(stats);
  if (!gives_names_ && !processes_.ok()) return;
  asked_.clear();
  for (const Event& event : batch.events) {
    if (IsProcessFork(event)) {
      OnFork(event);
    } else if (event.type == EventType::kExit && event.tid == event.tgid) {
      OnLeaderExit(event.tgid);
    } else if (event.type == EventType::kExec) {
      facts.push_back(ReadExec(event, batch, facts.size()));
    }
  }
  if (gives_names_ && !asked_.empty()) TakeBackDoubtful(facts, stats);
}

void ExecFacts::OnFork(const Event& fork) {
  records_.OnFork(fork.tgid, fork.timestamp_ns);
  const bool of_runtime = !runtimes_.empty() && runtimes_.contains(fork.parent_tgid);
  if (reads_cgroups()) early_cgroups_.OnFork(fork.tgid, fork.timestamp_ns, of_runtime);
  if (of_runtime) runtimes_.insert(fork.tgid);
}

void ExecFacts::OnLeaderExit(pid_t tgid) {
  early_cgroups_.OnExit(tgid);
  if (!runtimes_.empty()) runtimes_.erase(tgid);
}

bool ExecFacts::IsRuntime(pid_t tgid, std::string_view comm, ProcessReader::Files& files) {
  bool is_runtime = IsContainerRuntime(comm);
  const bool was_one = !runtimes_.empty() && runtimes_.contains(tgid);
  if (was_one && !is_runtime && IsNameOfCopy(comm)) {
    // Where it cannot be read: most that are called so are copies.
    const std::optional<std::string>& exe = files.Get(RuleInput::kExe);
    is_runtime = !exe || IsFileOfRuntime(*exe);
  }
  if (is_runtime) {
    // Some have ended without being heard of: a loss.
    if (runtimes_.size() >= kMaxRuntimes) runtimes_.clear();
    runtimes_.insert(tgid);
  } else if (was_one) {
    runtimes_.erase(tgid);
  }
  return is_runtime;
}

ProcessFacts ExecFacts::ReadExec(const Event& exec, const Batch& batch, size_t index) {
  ProcessFacts facts;
  const std::optional<CommRecord> record =
      gives_names_ ? records_.Take(exec.tgid, exec.timestamp_ns) : std::nullopt;
  if (!processes_.ok()) {
    if (record) namer_.NameByRecord(record->name(), nullptr, facts);
    return facts;
  }
  ProcessReader::Files files = processes_->FilesOf(exec.tgid);
  facts.cgroup = processes_->CgroupOf(files);
  const auto early_cgroup = early_cgroups_.TakeAtExec(exec.tgid);
  if (facts.cgroup == nullptr) facts.cgroup = early_cgroup;
  if (!processes_->options().comm) return facts;
  Name(exec, batch, record, files, facts);
  facts.sets_up_container = IsRuntime(exec.tgid, facts.comm, files);
  if (files.was_asked_of_program()) {
    asked_.push_back({index, exec.tgid, exec.timestamp_ns, record});
  }
  return facts;
}

void ExecFacts::Name(const Event& exec, const Batch& batch, const std::optional<CommRecord>& record,
                     ProcessReader::Files& files, ProcessFacts& facts) {
  const bool is_past = records_.HasLater(exec.tgid, exec.timestamp_ns);
  if (record) {
    namer_.NameByRecord(record->name(), is_past ? nullptr : &files, facts);
    return;
  }
  ProcessNamer::Since since = SinceExec(exec, batch);
  if (since == ProcessNamer::Since::kNothing && is_past) since = ProcessNamer::Since::kExeced;
  namer_.NameByProc(since, files, facts);
}

void ExecFacts::TakeBackDoubtful(std::vector<ProcessFacts>& facts, SideStats& stats) {
  ReadNames(stats);
  for (const Asked& asked : asked_) {
    if (!records_.HasLater(asked.tgid, asked.exec_ns)) continue;
    ProcessFacts& doubtful = facts[asked.facts];
    doubtful.comm.clear();
    doubtful.rule_name.clear();
    if (asked.record) {
      namer_.NameByRecord(asked.record->name(), nullptr, doubtful);
    } else {
      doubtful.name_lost = true;
    }
  }
}

// What came first: from then on /proc speaks of something else.
ProcessNamer::Since ExecFacts::SinceExec(const Event& exec, const Batch& batch) {
  LearnHappenings(batch);
  const auto found = happenings_.find(exec.tgid);
  if (found == happenings_.end()) return ProcessNamer::Since::kNothing;
  const Happening* first = nullptr;
  bool renamed = false;
  for (const Happening& happening : found->second) {
    if (happening.timestamp_ns <= exec.timestamp_ns) continue;
    if (happening.what == Happening::What::kRenamed) {
      renamed = true;
    } else if (first == nullptr || happening.timestamp_ns < first->timestamp_ns) {
      first = &happening;
    }
  }
  if (first == nullptr) {
    return renamed ? ProcessNamer::Since::kRenamed : ProcessNamer::Since::kNothing;
  }
  return first->what == Happening::What::kForked ? ProcessNamer::Since::kReused
                                                 : ProcessNamer::Since::kExeced;
}

// Once in a round: what later batches of it have is ahead of this one.
void ExecFacts::LearnHappenings(const Batch& batch) {
  if (std::exchange(happenings_round_, batch.round) == batch.round) return;
  happenings_.clear();
  Learn(batch.events);
  Learn(batch.life_ahead);
  Learn(batch.attributes_ahead);
}

void ExecFacts::Learn(std::span<const Event> events) {
  for (const Event& event : events) {
    // The comm of a process is its leader's.
    if (event.tid != event.tgid) continue;
    Happening happening{.timestamp_ns = event.timestamp_ns};
    if (event.type == EventType::kExec) {
      happening.what = Happening::What::kExeced;
    } else if (event.type == EventType::kComm) {
      happening.what = Happening::What::kRenamed;
    } else if (event.type != EventType::kFork) {
      continue;
    }
    happenings_[event.tgid].push_back(happening);
  }
}

void ExecFacts::LookAtChildren(int64_t now_ns) {
  if (!reads_cgroups()) return;
  early_cgroups_.LookAtDue(now_ns, [this](pid_t tgid) {
    ProcessReader::Files files = processes_->FilesOf(tgid);
    return processes_->CgroupOf(files);
  });
}

ProcessFacts ExecFacts::Complete(const ProcessSnapshot& snapshot) {
  ProcessFacts facts;
  if (!processes_.ok()) return facts;
  facts.comm = snapshot.comm;
  if (snapshot.kernel_thread) return facts;
  ProcessReader::Files files = processes_->FilesOf(snapshot);
  facts.cgroup = processes_->CgroupOf(files);
  if (processes_->options().comm) namer_.NameFound(snapshot.comm, files, facts);
  return facts;
}

}  // namespace cnproc
