// SPDX-License-Identifier: Apache-2.0
#include "collectors/pipeline/pipeline.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <utility>

#include "absl/strings/str_cat.h"
#include "collectors/base/time.h"

namespace cnproc {
namespace {

constexpr int64_t kTickNs = kNsPerSecond;
// More CPUs than any kernel is built for (CONFIG_NR_CPUS).
constexpr size_t kMaxCpus = 8192;
// About 100 bytes each.
constexpr uint64_t kMaxTasks = 1u << 20;
constexpr size_t kMaxKillsHeld = 1000;

size_t MaxTasks(const std::optional<ProcFs>& procfs) {
  if (!procfs) return kMaxTasks;
  return static_cast<size_t>(std::min(procfs->PidMax().value_or(kMaxTasks), kMaxTasks));
}

std::optional<uint64_t> OomKills(const std::optional<ProcFs>& procfs) {
  if (!procfs) return std::nullopt;
  const absl::StatusOr<uint64_t> kills = procfs->OomKills();
  return kills.ok() ? std::make_optional(*kills) : std::nullopt;
}

Identities::Wanted WantedDimensions(const std::vector<const CollectorSpec*>& collectors) {
  Identities::Wanted wanted{};
  for (const CollectorSpec* spec : collectors) {
    if (spec->dimension) wanted[static_cast<size_t>(*spec->dimension)] = true;
  }
  return wanted;
}

bool NeedCgroups(const std::vector<const CollectorSpec*>& collectors) {
  const Identities::Wanted wanted = WantedDimensions(collectors);
  return wanted[static_cast<size_t>(Dimension::kUnit)] ||
         wanted[static_cast<size_t>(Dimension::kContainer)];
}

// Returns whether it was woken.
bool SleepUnlessWoken(int wake_fd, int64_t timeout_ns) {
  pollfd fd = {.fd = wake_fd, .events = POLLIN, .revents = 0};
  const timespec timeout = {.tv_sec = 0, .tv_nsec = timeout_ns};
  return ppoll(&fd, 1, &timeout, nullptr) > 0;
}

void ClearWake(int wake_fd) {
  uint64_t wakes = 0;
  [[maybe_unused]] const ssize_t length = read(wake_fd, &wakes, sizeof(wakes));
}

uint64_t ExecsOf(const StreamStats& stats) {
  return stats.events[static_cast<size_t>(EventType::kExec)];
}

void BlockAllSignals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

Pipeline::Pipeline(std::unique_ptr<DatagramSource> source, SideInputs machine,
                   PipelineOptions options)
    : options_(std::move(options)),
      procfs_(options_.procfs_root ? std::make_optional<ProcFs>(*options_.procfs_root)
                                   : std::nullopt),
      start_time_seconds_(static_cast<double>(RealtimeNs()) / kNsPerSecond),
      wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      scan_cgroups_(NeedCgroups(options_.collectors)),
      oom_kills_at_start_(OomKills(procfs_)),
      source_(std::move(source)),
      stream_(*source_, *this, kMaxCpus),
      side_(std::move(machine)),
      program_rules_(options_.settings.program_rules),
      table_(MaxTasks(procfs_), *this),
      identities_(WantedDimensions(options_.collectors), side_.exit_records_status().ok(),
                  options_.settings, source_->NowNs(), source_->UnixOffsetNs()),
      ready_(absl::UnavailableError("the collector thread has not begun")) {
  const CollectorContext context{.identities = identities_,
                                 .settings = options_.settings,
                                 .exit_records = side_.exit_records_status(),
                                 .kernel_log = side_.kernel_log_status()};
  for (const CollectorSpec* spec : options_.collectors) {
    collectors_.push_back({spec, spec->create(context)});
    Collector& collector = *collectors_.back().collector;
    for (size_t type = 0; type < Change::kTypeCount; ++type) {
      if (collector.Wants(static_cast<Change::Type>(type))) listeners_[type].push_back(&collector);
    }
  }
}

Pipeline::~Pipeline() {
  Stop();
  close(wake_fd_);
}

void Pipeline::Start() {
  thread_ = std::thread([this] {
    BlockAllSignals();
    Run();
  });
}

void Pipeline::Stop() {
  stopping_ = true;
  Wake();
  if (thread_.joinable()) thread_.join();
}

void Pipeline::Configure(const Settings& settings) {
  MutexLock lock(mutex_);
  program_rules_ = settings.program_rules;
  identities_.Configure(settings);
  for (Enabled& enabled : collectors_) enabled.collector->Configure(settings);
}

void Pipeline::Wake() const {
  const uint64_t one = 1;
  // A full counter has woken the thread already.
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof(one));
}

void Pipeline::Run() {
  OnSubscribed();
  resync_.Request(ResyncReason::kStart);
  if (procfs_) {
    SetForkBaseline();
  } else {
    {
      // No scan says what lived before a recording: what it hears of later has appeared.
      MutexLock lock(mutex_);
      table_.Reconcile({}, {});
    }
    UpdateReady();
  }
  while (!stopping_) {
    AwaitEvents();
    const uint64_t requested = cuts_requested_;
    const uint64_t messages_before = stream_.stats().messages;
    const uint64_t execs_before = ExecsOf(stream_.stats());
    DoRound();
    pace_.OnRound(MonotonicNs(), stream_.stats().messages - messages_before);
    execs_in_round_ = ExecsOf(stream_.stats()) - execs_before;
    if (absl::Status ended = source_->Ended(); !ended.ok()) TellEnd(ended);
    if (source_->NowNs() >= next_tick_ns_) Tick();
    if (caught_up_) OfferCut(requested);
    last_round_ns_ = MonotonicNs();
  }
}

void Pipeline::AwaitEvents() {
  if (source_failed_) {  // there is nothing to read from
    if (SleepUnlessWoken(wake_fd_, kTickNs / 10)) ClearWake(wake_fd_);
    return;
  }
  const int64_t wait_ns = WaitNs();
  // After an overrun the kernel drops everything until the queue is empty.
  if (wait_ns <= 0 || !caught_up_) return;
  int64_t gather_ns = execs_in_round_ > 0 ? Pace::kStormGatherNs : Pace::kForkStormGatherNs;
  // In a storm there is nothing to wait for.
  if (drained_ && !pace_.IsStorm()) {
    source_->Wait(wake_fd_, wait_ns);
    gather_ns = pace_.GatherNs(MonotonicNs());
  }
  // A scrape does not wait for events to gather.
  bool woken = true;
  if (gather_ns > 0) woken = SleepUnlessWoken(wake_fd_, std::min(gather_ns, wait_ns));
  if (woken) ClearWake(wake_fd_);
}

int64_t Pipeline::WaitNs() const {
  if (scan_ != nullptr) return 0;
  return std::clamp<int64_t>(next_tick_ns_ - source_->NowNs(), 0, kTickNs);
}

void Pipeline::DoRound() {
  bool thorough = false;
  {
    MutexLock lock(mutex_);
    thorough = cuts_requested_ > cuts_served_;
  }
  const absl::StatusOr<Round> round = ReadStream(thorough);
  if (!round.ok()) {
    Resubscribe(/*renew=*/true, std::string(round.status().message()));
    caught_up_ = true;  // with all that there is
    return;
  }
  drained_ = round->drained;
  caught_up_ = round->life_drained;
  if (!procfs_) return;
  if (scan_ != nullptr) {
    ContinueScan(round->life_drained);
  } else if (round->life_drained) {
    BeginScan();
  }
}

absl::StatusOr<Round> Pipeline::ReadStream(bool thorough) {
  const int64_t before_ns = source_->NowNs();
  absl::StatusOr<Round> round = stream_.ReadRound(thorough);
  if (!round.ok()) return round;
  // Lost attributes leave the table with wrong users, and nothing else.
  if (round->lost) resync_.Request(ResyncReason::kLoss);
  if (round->life_lost) TellLifeLoss(life_drained_ns_);
  if (round->life_drained) life_drained_ns_ = before_ns;
  return round;
}

void Pipeline::TellLifeLoss(int64_t from_ns) {
  const int64_t now_ns = source_->NowNs();
  side_.OnLoss(now_ns);
  MutexLock lock(mutex_);
  for (Enabled& enabled : collectors_) enabled.collector->OnLoss(from_ns, now_ns);
}

int64_t Pipeline::ToldUntilNs() const {
  return mute_watch_.suspects() ? std::min(life_drained_ns_, forks_agreed_ns_) : life_drained_ns_;
}

void Pipeline::TellTime() {
  const int64_t until_ns = ToldUntilNs();
  if (until_ns == 0) return;  // not drained yet
  for (Enabled& enabled : collectors_) enabled.collector->OnTime(until_ns);
}

void Pipeline::Tick() {
  const int64_t now_ns = source_->NowNs();
  next_tick_ns_ = now_ns + kTickNs;
  if (procfs_) AuditForks();
  side_.Tick(now_ns);
  const int64_t unix_offset_ns = source_->UnixOffsetNs();
  MutexLock lock(mutex_);
  identities_.AdvanceTo(now_ns, unix_offset_ns);
  table_.EmitEscalations(now_ns);
  // Whoever has not ended within this second has been heard of.
  if (caught_up_ || kills_.size() > kMaxKillsHeld) {
    for (const OomKill& kill : std::exchange(kills_, {})) TellKill(kill);
  }
  TakeFromMachine();
  TellTime();
}

void Pipeline::TellEnd(const absl::Status& ended) {
  if (end_told_) return;
  end_told_ = true;
  options_.notify(Severity::kInfo, std::string(ended.message()));
  stream_.stats().subscribed = false;
  subscription_ = ended;
  UpdateReady();
  stream_.Publish();
}

// What the batch says is applied under the lock; a batch is bounded and no system call is in it.
void Pipeline::OnBatch(std::span<const Event> events, int64_t received_ns,
                       const StreamStats& stats) {
  if (!events.empty()) {
    ProgramRules rules;
    {
      MutexLock lock(mutex_);
      rules = program_rules_;
    }
    side_.ReadFor(events, rules, received_ns);
  }
  const int64_t unix_offset_ns = events.empty() ? 0 : source_->UnixOffsetNs();
  MutexLock lock(mutex_);
  stats_ = stats;
  if (events.empty()) return;
  identities_.AdvanceTo(received_ns, unix_offset_ns);
  TakeFromMachine();
  const int64_t now_ns = source_->NowNs();
  for (Enabled& enabled : collectors_) enabled.collector->OnEvents(events, now_ns);
  Apply(events, received_ns);
  table_.EmitEscalations(received_ns);
}

void Pipeline::Apply(std::span<const Event> events, int64_t now_ns) {
  std::span<const ProcessFacts> execs = side_.execs();
  for (const Event& event : events) {
    if (event.type == EventType::kExit) {
      ApplyExit(event, now_ns);
      continue;
    }
    Evidence evidence;
    if (event.type == EventType::kExec) {
      if (!execs.empty()) {
        evidence.facts = &execs.front();
        execs = execs.subspan(1);
      }
      evidence.exec_record = side_.PeekRecord(table_.LifeOf(event), now_ns);
    }
    table_.Apply(event, evidence);
  }
}

void Pipeline::ApplyExit(const Event& event, int64_t now_ns) {
  TellKillsOf(event.tid);
  const std::optional<ExitRecord> record = side_.TakeRecord(table_.LifeOf(event), event, now_ns);
  table_.Apply(event, {.exit_record = record ? &*record : nullptr});
}

void Pipeline::OnChange(Change& change) {
  identities_.Assign(change);
  for (Collector* listener : listeners_[static_cast<size_t>(change.type)]) {
    listener->OnChange(change);
  }
  identities_.Release(change);
}

void Pipeline::TakeFromMachine() {
  side_stats_ = side_.stats();
  for (OomKill& kill : side_.TakeKills()) kills_.push_back(std::move(kill));
  for (const Refusals& refusals : side_.TakeRefusals()) TellRefusals(refusals);
}

// The log may be ahead of the events that tell who it was.
void Pipeline::TellKillsOf(pid_t tid) {
  if (kills_.empty()) return;
  for (const OomKill& kill : kills_) {
    if (kill.tid == tid) TellKill(kill);
  }
  std::erase_if(kills_, [tid](const OomKill& kill) { return kill.tid == tid; });
}

void Pipeline::TellKill(const OomKill& kill) {
  // Of a process that is not known its cgroup still tells.
  Process nobody;
  Process* process = table_.FindByTask(kill.tid);
  if (process == nullptr) {
    nobody.values =
        identities_.ValuesOf(IdentifyCgroupPath(kill.cgroup_path, options_.kubelet_runtime));
    process = &nobody;
  }
  Change change{
      .type = Change::Type::kOomKilled, .oom_in_cgroup = kill.in_cgroup, .process = process};
  OnChange(change);
}

void Pipeline::TellRefusals(const Refusals& refusals) {
  // Only what the file stands for: its other value may be one of the past.
  CgroupIdentity identity = refusals.cgroup->identity;
  if (!refusals.of_unit) identity.unit.clear();
  if (!refusals.of_container) identity.container_id.clear();
  const auto values = identities_.ValuesOf(identity);
  for (const Dimension dimension : {Dimension::kUnit, Dimension::kContainer}) {
    const ValueId value = values[static_cast<size_t>(dimension)];
    if (value == kNoValue) continue;
    for (Enabled& enabled : collectors_) {
      enabled.collector->OnForkRefusals(dimension, value, refusals.count);
    }
  }
}

}  // namespace cnproc
