// SPDX-License-Identifier: Apache-2.0
#include "exporter/inputs.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "collectors/kernel/capability.h"
#include "collectors/kernel/comm_rings.h"
#include "collectors/kernel/connector.h"
#include "collectors/kernel/named_source.h"
#include "collectors/kernel/procfs.h"
#include "collectors/kernel/recorder.h"
#include "collectors/kernel/replay.h"
#include "exporter/log.h"

namespace cnproc {
namespace {

constexpr char kKernelLog[] = "/dev/kmsg";

absl::StatusOr<Source> OpenConnector(const Options& options) {
  ConnectorOptions connector_options;
  connector_options.receive_buffer_bytes = options.receive_buffer_bytes;
  connector_options.network_namespace = options.network_namespace;
  connector_options.procfs_root = options.procfs_root;
  absl::StatusOr<std::unique_ptr<Connector>> connector = Connector::Open(connector_options);
  if (!connector.ok()) return connector.status();
  const ReceiveBufferGrant grant = (*connector)->receive_buffer();
  Log(Severity::kInfo, "subscribed to the process connector",
      {{"receive_buffer_bytes", absl::StrCat(grant.bytes)}});
  Source source{.datagrams = *std::move(connector), .receive_buffer = grant};
  if (source.IsShortOfBuffer(options)) {
    Log(Severity::kWarn,
        absl::StrCat("the receive buffer is smaller than asked for: storms can lose events; ",
                     kHowToGetBuffer),
        {{"asked_bytes", absl::StrCat(options.receive_buffer_bytes)},
         {"granted_bytes", absl::StrCat(grant.bytes / 2)}});
  }
  return source;
}

bool WantsNames(const Options& options) {
  return options.IsEnabled("program") || options.IsEnabled("lineage");
}

// Before any thread begins: each would keep the right that is given up here. CAP_SYS_ADMIN is asked
// for by some kernels to open the rings, and by setns(2) whenever the connector is opened again.
absl::StatusOr<CommRings> OpenNames(const Options& options) {
  if (!WantsNames(options)) return absl::UnavailableError("not asked for");
  absl::StatusOr<CommRings> rings = CommRings::Open();
  if (rings.ok() && options.network_namespace.empty() && HasCapability(kCapSysAdmin)) {
    const absl::Status given_up = GiveUpCapability(kCapSysAdmin);
    if (!given_up.ok()) {
      Log(Severity::kWarn, absl::StrCat("CAP_SYS_ADMIN stays: ", std::string(given_up.message())));
    }
  }
  return rings;
}

Source WithNames(const Options& options, Source source, absl::StatusOr<CommRings> names) {
  source.names = names.status();
  if (!WantsNames(options)) return source;
  if (!names.ok()) {
    Log(Severity::kWarn,
        absl::StrCat("programs are named by /proc, which comes too late for some: ",
                     std::string(names.status().message())));
    return source;
  }
  Log(Severity::kInfo, "the kernel tells the names of programs",
      {{"cpus", absl::StrCat(names->size())}, {"ring_bytes", absl::StrCat(names->bytes())}});
  source.datagrams = std::make_unique<NamedSource>(
      std::move(source.datagrams), *std::move(names),
      [](Severity severity, const std::string& message) { Log(severity, message); });
  return source;
}

}  // namespace

// The kernel doubles what was asked for, and where it was forced gives all of it.
bool Source::IsShortOfBuffer(const Options& options) const {
  return !receive_buffer.forced && receive_buffer.bytes / 2 < options.receive_buffer_bytes;
}

absl::StatusOr<Source> OpenSource(const Options& options) {
  if (!options.replay_file.empty()) {
    absl::StatusOr<std::unique_ptr<Replay>> replay = Replay::Open(
        {.path = options.replay_file, .speed = options.replay_speed, .loop = options.replay_loop});
    if (!replay.ok()) return replay.status();
    const absl::Status names = (*replay)->GivesNames();
    return Source{.datagrams = *std::move(replay), .receive_buffer = {}, .names = names};
  }
  absl::StatusOr<CommRings> names = OpenNames(options);
  // Before the kernel is asked for anything: a path that cannot be written is found at once.
  std::unique_ptr<Recorder> recorder;
  if (!options.record_file.empty()) {
    absl::StatusOr<std::unique_ptr<Recorder>> created =
        Recorder::Create(options.record_file, options.record_max_bytes,
                         [](const std::string& message) { Log(Severity::kWarn, message); });
    if (!created.ok()) return absl::InvalidArgumentError(created.status().message());
    recorder = *std::move(created);
  }
  absl::StatusOr<Source> connector = OpenConnector(options);
  if (!connector.ok()) return connector;
  Source source = WithNames(options, *std::move(connector), std::move(names));
  if (recorder != nullptr) {
    source.datagrams =
        std::make_unique<RecordedSource>(std::move(source.datagrams), std::move(recorder));
  }
  return source;
}

std::string WhatUsageLacks(const SideInputs& side) {
  if (!side.usage.ok() || side.exit_records.ok()) return "";
  return absl::StrCat(
      "by samples alone, so that what processes use after their last sample is missing, and those "
      "that live between two: ",
      std::string(side.exit_records.status().message()));
}

SideInputs OpenSideInputs(const Options& options) {
  SideInputs side;
  if (!options.replay_file.empty()) {
    side.processes = absl::UnavailableError(
        "a recording has no /proc beside it: every program is unknown, and nobody is in a unit or "
        "container");
    side.exit_records = absl::UnavailableError("a recording has no exit records beside it");
    side.kernel_log = absl::UnavailableError("a recording has no kernel log beside it");
    side.usage = absl::UnavailableError("a recording does not tell what processes use");
    return side;
  }
  const bool names = options.IsEnabled("program") || options.IsEnabled("lineage");
  const bool cgroups = options.IsEnabled("unit") || options.IsEnabled("container");
  if (names || cgroups) {
    side.processes = ProcessReader::Open(
        options.procfs_root,
        {.comm = names || cgroups, .cgroup = cgroups, .kubelet_runtime = options.kubelet_runtime});
  }
  if (cgroups) {
    const absl::StatusOr<std::string> init = ProcFs(options.procfs_root).Read("1/cgroup");
    side.refusals.emplace(CgroupFs(options.cgroupfs_root, options.procfs_root),
                          options.kubelet_runtime, init.value_or(""));
  }
  if (options.IsEnabled("taskstats") || options.IsEnabled("usage")) {
    side.exit_records =
        TaskstatsSocket::Open(options.receive_buffer_bytes, options.network_namespace);
  }
  if (options.IsEnabled("usage")) side.usage = UsageReader::Open(options.procfs_root);
  if (options.IsEnabled("oom")) side.kernel_log = KmsgReader::Open(kKernelLog);
  return side;
}

absl::StatusOr<PipelineInputs> OpenInputs(const Options& options) {
  absl::StatusOr<Waker> waker = Waker::Open();
  if (!waker.ok()) return waker.status();
  absl::StatusOr<Source> source = OpenSource(options);
  if (!source.ok()) return source.status();
  SideInputs side = OpenSideInputs(options);
  // Collectors that cannot work say so themselves; this is a part of two of them.
  if (side.refusals && !side.refusals->status().ok()) {
    Log(Severity::kWarn, absl::StrCat("refused forks are not counted: ",
                                      std::string(side.refusals->status().message())));
  }
  if (const std::string missing = WhatUsageLacks(side); !missing.empty()) {
    Log(Severity::kWarn, missing, {{"collector", "usage"}});
  }
  return PipelineInputs{
      .source = std::move(source->datagrams), .side = std::move(side), .waker = *std::move(waker)};
}

}  // namespace cnproc
