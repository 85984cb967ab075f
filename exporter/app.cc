// SPDX-License-Identifier: Apache-2.0
#include "exporter/app.h"

#include <malloc.h>
#include <sys/utsname.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "collectors/base/time.h"
#include "collectors/metrics/family_writer.h"
#include "collectors/registry.h"
#include "exporter/log.h"
#include "exporter/self_metrics.h"
#include "exporter/settings.h"
#include "exporter/version.h"
#include "exporter/web/listen_address.h"

namespace cnproc {
namespace {

PipelineOptions MakePipelineOptions(const Options& options, const Settings& settings) {
  PipelineOptions pipeline;
  pipeline.collectors = options.collectors;
  if (options.replay_file.empty()) pipeline.procfs_root = options.procfs_root;
  pipeline.kubelet_runtime = options.kubelet_runtime;
  pipeline.settings = settings;
  pipeline.sampling = {.interval_ns = options.usage_interval_ns,
                       .cpu_share = options.usage_cpu_percent / 100};
  pipeline.say = [](Severity severity, const std::string& message) { Log(severity, message); };
  return pipeline;
}

// For 503s, and for clients who never finish their request or take no answer.
constexpr int kSpareWorkers = 8;

// Of one of the two files, each of which is reloaded whatever becomes of the other.
bool SayReload(const std::string& file, const absl::Status& status) {
  if (!status.ok()) {
    Log(Severity::kError, std::string(status.message()), {{"in_force", "the old configuration"}});
  } else if (!file.empty()) {
    Log(Severity::kInfo, "reloaded", {{"file", file}});
  }
  return status.ok();
}

double UnixSeconds() { return Seconds(RealtimeNs()); }

std::string HostName() {
  utsname names = {};
  return uname(&names) == 0 ? names.nodename : "";
}

RoutesOptions MakeRoutesOptions(const Options& options) {
  RoutesOptions routes;
  routes.telemetry_path = options.telemetry_path;
  routes.max_requests = options.max_requests;
  routes.openmetrics_created = options.openmetrics_created;
  routes.exemplars = options.exemplars;
  routes.version = kVersion;
  routes.revision = kRevision;
  routes.hostname = HostName();
  return routes;
}

}  // namespace

App::App(const Options& options, const Settings& settings, PipelineInputs inputs,
         std::unique_ptr<Guard> guard)
    : options_(options),
      reload_success_seconds_(UnixSeconds()),
      pipeline_(std::move(inputs), MakePipelineOptions(options, settings)),
      routes_(MakeRoutesOptions(options), *this),
      guard_(std::move(guard)),
      server_({.listen_addresses = options.listen_addresses,
               .worker_threads = options.max_requests + kSpareWorkers,
               .tls = guard_->tls(),
               .complete = [this](HttpResponse& response) { guard_->AddHeaders(response); }},
              [this](const HttpRequest& request) {
                return guard_->Handle(
                    request, [this](const HttpRequest& passed) { return routes_.Handle(passed); });
              }) {}

App::~App() { Stop(); }

absl::Status App::Start() {
  for (const CollectorSpec* spec : options_.collectors) {
    const absl::Status working = pipeline_.CollectorWorking(spec->name);
    if (working.ok()) continue;
    Log(Severity::kWarn, std::string(working.message()), {{"collector", std::string(spec->name)}});
  }
  pipeline_.Start();
  if (absl::Status status = server_.Start(); !status.ok()) return status;
  // Flags, files and the first scan have left free memory between what stays.
  malloc_trim(0);
  const std::vector<std::string> addresses = server_.BoundAddresses();
  Log(Severity::kInfo, "serving",
      {{"url", LocalUrl(addresses.front(), guard_->tls() != nullptr)},
       {"addresses", absl::StrJoin(addresses, ",")},
       {"path", options_.telemetry_path}});
  return absl::OkStatus();
}

void App::Reload() {
  settings_reloaded_ = SayReload(options_.config_file, ReloadSettings());
  const bool web_reloaded = SayReload(options_.web_config_file, guard_->Reload());
  if (settings_reloaded_ && web_reloaded) reload_success_seconds_ = UnixSeconds();
  if (options_.config_file.empty() && options_.web_config_file.empty()) {
    Log(Severity::kInfo, "nothing to reload: no configuration file was given");
  }
}

absl::Status App::ReloadSettings() {
  const absl::StatusOr<Settings> settings = ReadSettings(options_);
  if (!settings.ok()) return settings.status();
  pipeline_.Configure(*settings);
  for (const std::string& impossible : ImpossibleExpectations(*settings)) {
    Log(Severity::kWarn, impossible, {{"file", options_.config_file}});
  }
  return absl::OkStatus();
}

void App::CollectReload(Families& families) const {
  FamilyWriter::Gauge(families, "cnproc_exporter_config_last_reload_successful",
                      "1 if the newest attempt to load the configuration succeeded.")
      .Add(settings_reloaded_ && guard_->last_read_succeeded() ? 1 : 0);
  FamilyWriter::Gauge(families, "cnproc_exporter_config_last_reload_success_timestamp_seconds",
                      "Unix time of the newest attempt that succeeded.")
      .Add(std::max(reload_success_seconds_.load(), guard_->last_success_unix_seconds()));
}

void App::Stop() {
  server_.Stop();
  pipeline_.Stop();
}

void App::Gather(const CollectorFilter& filter, Families& families) {
  pipeline_.Gather([&filter](std::string_view name) { return filter.Includes(name); }, families);
  FamilyWriter::Gauge(families, "cnproc_exporter_build_info",
                      "Always 1: what this exporter was built from.")
      .Add(1, {{"compiler", kCompiler}, {"revision", kRevision}, {"version", kVersion}});
  CollectReload(families);
  if (!options_.disable_exporter_metrics) CollectProcessMetrics(families);
  families.Sort();
}

absl::Status App::Ready() { return pipeline_.Ready(); }

std::vector<CollectorState> App::Collectors() {
  std::vector<CollectorState> states;
  for (const CollectorSpec& spec : CollectorSpecs()) {
    const absl::Status working = pipeline_.CollectorWorking(spec.name);
    states.push_back({.name = std::string(spec.name),
                      .help = std::string(spec.help),
                      .enabled = options_.IsEnabled(spec.name),
                      .success = working.ok(),
                      .reason = std::string(working.message())});
  }
  return states;
}

}  // namespace cnproc
