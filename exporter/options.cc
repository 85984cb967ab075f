// SPDX-License-Identifier: Apache-2.0
#include "exporter/options.h"

#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "collectors/base/time.h"
#include "collectors/kernel/procfs.h"
#include "collectors/registry.h"
#include "exporter/config.h"
#include "exporter/version.h"
#include "exporter/web/listen_address.h"

namespace cnproc {
namespace {

constexpr int kUsageError = 2;

std::string CheckSize(const std::string& text) {
  return ParseSize(text) ? ""
                         : absl::StrCat("`", text,
                                        "` is no size: give bytes, or KiB, MiB, GiB, as "
                                        "8MiB");
}

std::string CheckReceiveBuffer(const std::string& text) {
  constexpr uint64_t kMin = 64u << 10;  // 150 events
  // The kernel doubles it, and holds it in an int (sock_setsockopt).
  constexpr uint64_t kMax = INT32_MAX / 2;
  if (std::string why = CheckSize(text); !why.empty()) return why;
  const uint64_t bytes = *ParseSize(text);
  return bytes >= kMin && bytes <= kMax
             ? ""
             : absl::StrCat("`", text, "` is too ", bytes < kMin ? "small" : "large",
                            ": give 64KiB to 1023MiB");
}

std::string CheckListenAddress(const std::string& text) {
  return std::string(ParseListenAddress(text).status().message());
}

std::string CheckDuration(const std::string& text) {
  return ParseDuration(text)
             ? ""
             : absl::StrCat("`", text, "` is no duration: give one as 90s, 15m or 1h30m");
}

// Sampling goes by the second.
std::string CheckUsageInterval(const std::string& text) {
  if (std::string why = CheckDuration(text); !why.empty()) return why;
  const int64_t interval_ns = *ParseDuration(text);
  const bool is_good = interval_ns > 0 && interval_ns % kNsPerSecond == 0;
  return is_good ? "" : absl::StrCat("`", text, "` is no whole number of seconds: give one as 15s");
}

std::string CheckNumber(const std::string& text) {
  double number = 0;
  return absl::SimpleAtod(text, &number) && std::isnan(number) ? "nan is no number" : "";
}

// CLI11 would take 0x10 and read 040 as 32.
std::string CheckDigits(const std::string& text) {
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos &&
                      (text == "0" || text[0] != '0');
  return digits ? "" : absl::StrCat("`", text, "` is no number: give decimal digits");
}

// Requests are decoded before paths are compared; the other paths are the exporter's own.
std::string CheckTelemetryPath(const std::string& path) {
  if (path.rfind('/', 0) != 0) return absl::StrCat("`", path, "` must begin with /");
  if (path.find_first_of("?#% ") != std::string::npos) {
    return absl::StrCat("`", path, "` must be a plain path, without ?, #, % and blanks");
  }
  for (const char* own : {"/", "/live", "/dashboards"}) {
    if (path == own) return absl::StrCat("`", path, "` is a page of its own: give another path");
  }
  for (const char* own : {"/-/", "/dashboards/", "/rules/", "/assets/"}) {
    if (path.rfind(own, 0) == 0) {
      return absl::StrCat("`", path, "` is below ", own, ", which is taken: give another path");
    }
  }
  return "";
}

std::string CheckProcfs(const std::string& folder) {
  const absl::Status status = ProcFs(folder).TotalForks().status();
  return status.ok() ? "" : absl::StrCat("`", folder, "` is no procfs: ", status.message());
}

// What exists and may not be looked at is told where it is opened, with what it takes.
std::string CheckExists(const std::string& path) {
  struct stat status = {};
  const bool missing = stat(path.c_str(), &status) != 0 && (errno == ENOENT || errno == ENOTDIR);
  return missing ? absl::StrCat("`", path, "` does not exist") : "";
}

// As it stands in container ids before "://".
std::string CheckRuntime(const std::string& name) {
  const bool plain =
      !name.empty() &&
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  return plain
             ? ""
             : absl::StrCat("`", name, "` is no name of a runtime: give one as containerd, cri-o");
}

// Strings as they were given, to be checked and converted after all flags are known.
struct RawOptions {
  std::string receive_buffer = "8MiB";
  std::string record_max_size = "1GiB";
  std::string log_level = "info";
  std::string log_format = "logfmt";
  std::string idle_timeout = "15m";
  std::string container_idle_timeout = "5m";
  std::string usage_interval = "15s";
  bool disable_defaults = false;
  struct Collector {
    bool enabled = false;
    const CLI::Option* flag = nullptr;
  };
  std::map<std::string, Collector> collectors;  // the last of several flags counts
};

void AddWebFlags(CLI::App& app, Options& options) {
  app.add_option("--web.listen-address", options.listen_addresses,
                 "Address to serve on, [HOST]:PORT; repeatable; IPv4 and IPv6 without HOST")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false)
      ->default_str(":10119")
      ->check(CheckListenAddress);
  app.add_option("--web.telemetry-path", options.telemetry_path, "Path of the metrics page")
      ->capture_default_str()
      ->check(CheckTelemetryPath);
  app.add_option("--web.max-requests", options.max_requests,
                 "Scrapes served at once; more are answered with 503")
      ->capture_default_str()
      ->check(CheckDigits)
      ->check(CLI::Range(1, 1000));
  app.add_option("--web.config.file", options.web_config_file,
                 "TLS, passwords and headers, in the format of Prometheus's exporter-toolkit");
  app.add_flag("--web.exemplars,!--no-web.exemplars", options.exemplars,
               "Write exemplars (default: on)");
  app.add_flag("--web.openmetrics-created", options.openmetrics_created,
               "Write _created lines in OpenMetrics");
  app.add_flag("--web.disable-exporter-metrics", options.disable_exporter_metrics,
               "Leave the process_* metrics out");
}

void AddConnectorFlags(CLI::App& app, Options& options, RawOptions& raw) {
  app.add_option("--connector.receive-buffer", raw.receive_buffer,
                 "Receive buffer for the life of processes; the kernel doubles it")
      ->capture_default_str()
      ->check(CheckReceiveBuffer);
  app.add_option("--connector.netns", options.network_namespace,
                 "Open the connector in this network namespace, as /proc/1/ns/net")
      ->check(CheckExists);
  auto* record = app.add_option("--connector.record", options.record_file,
                                "Write every datagram received to this pcap file");
  app.add_option("--connector.record-max-size", raw.record_max_size, "End the recording there")
      ->capture_default_str()
      ->needs(record)
      ->check(CheckSize);
  auto* replay = app.add_option("--connector.replay", options.replay_file,
                                "Read such a file instead of the kernel; needs no privilege");
  replay->excludes(record);
  app.add_option("--connector.replay-speed", options.replay_speed,
                 "1 = as recorded, 10 = ten times as fast, 0 = as fast as it goes")
      ->capture_default_str()
      ->needs(replay)
      ->check(CLI::Range(0.0, 1e6))
      ->check(CheckNumber);
  app.add_flag("--connector.replay-loop", options.replay_loop, "Begin again at the end")
      ->needs(replay);
}

void AddCollectorFlags(CLI::App& app, RawOptions& raw) {
  app.add_flag("--collector.disable-defaults", raw.disable_defaults,
               "Enable only the collectors that a flag names");
  for (const CollectorSpec& spec : CollectorSpecs()) {
    if (spec.enabled == CollectorSpec::Default::kAlways) continue;
    const std::string name(spec.name);
    RawOptions::Collector& collector = raw.collectors[name];
    collector.flag = app.add_flag(
        absl::StrCat("--collector.", name, ",!--no-collector.", name), collector.enabled,
        absl::StrCat(
            "Collector: ", std::string(spec.help),
            spec.enabled == CollectorSpec::Default::kOn ? " (default: on)" : " (default: off)"));
  }
}

void AddLabelFlags(CLI::App& app, Options& options, RawOptions& raw) {
  const std::initializer_list<std::pair<const char*, LabelFlags*>> labels = {
      {"program", &options.program},
      {"unit", &options.unit},
      {"container", &options.container},
      {"user", &options.user},
      {"lineage", &options.lineage}};
  for (const auto& [name, flags] : labels) {
    app.add_option(absl::StrCat("--collector.", name, ".limit"), flags->limit,
                   absl::StrCat("Values of ", name, " at once; what finds no room counts as other"))
        ->default_str(absl::StrCat(flags->default_limit))
        ->check(CheckDigits)
        ->check(CLI::Range(size_t{1}, kMaxLabelLimit));
  }
  app.add_option("--collector.idle-timeout", raw.idle_timeout,
                 "A value without processes and events for this long gives way to a new one")
      ->capture_default_str()
      ->check(CheckDuration);
  app.add_option("--collector.container.idle-timeout", raw.container_idle_timeout,
                 "A container without processes is removed after this long")
      ->capture_default_str()
      ->check(CheckDuration);
  app.add_option("--collector.container.kubelet-runtime", options.kubelet_runtime,
                 "Who runs the containers of kubelet's plain cgroup paths")
      ->capture_default_str()
      ->check(CheckRuntime);
  app.add_flag("--collector.program.lifetime,!--no-collector.program.lifetime",
               options.program_lifetime, "Tell lifetimes by program (default: on)");
}

void AddUsageFlags(CLI::App& app, Options& options, RawOptions& raw) {
  app.add_option("--collector.usage.interval", raw.usage_interval,
                 "How often what a living process uses is sampled")
      ->capture_default_str()
      ->check(CheckUsageInterval);
  app.add_option("--collector.usage.cpu-budget", options.usage_cpu_percent,
                 "Percent of a CPU that sampling may take; where it does not reach, samples are "
                 "taken less often")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 100.0))
      ->check(CheckNumber);
}

void AddOtherFlags(CLI::App& app, Options& options, RawOptions& raw) {
  app.add_option("--config.file", options.config_file,
                 "Naming rules, expected programs and limits, as YAML");
  app.add_flag("--config.check", options.config_check,
               "Say for each part whether it works here and what it lacks, then exit");
  app.add_option("--path.procfs", options.procfs_root, "Where procfs is mounted")
      ->capture_default_str()
      ->check(CheckProcfs);
  app.add_option("--path.cgroupfs", options.cgroupfs_root, "Where cgroupfs is mounted")
      ->capture_default_str()
      ->check(CLI::ExistingDirectory);
  app.add_option("--log.level", raw.log_level, "Least severe entries to log")
      ->capture_default_str()
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
  app.add_option("--log.format", raw.log_format, "How entries are written, to stderr")
      ->capture_default_str()
      ->check(CLI::IsMember({"logfmt", "json"}));
  app.set_version_flag("--version", VersionText());
  app.set_help_flag("-h,--help", "Print this help and exit");
}

void EnableCollectors(const RawOptions& raw, Options& options) {
  for (const CollectorSpec& spec : CollectorSpecs()) {
    const auto found = raw.collectors.find(std::string(spec.name));
    const bool is_named = found != raw.collectors.end() && found->second.flag->count() > 0;
    bool enabled = spec.enabled == CollectorSpec::Default::kAlways ||
                   (spec.enabled == CollectorSpec::Default::kOn && !raw.disable_defaults);
    if (is_named) enabled = found->second.enabled;
    if (!enabled) continue;
    options.collectors.push_back(&spec);
    if (is_named) options.named_collectors.emplace_back(spec.name);
  }
}

void Convert(const RawOptions& raw, Options& options) {
  static const std::map<std::string, Severity> kLevels = {{"debug", Severity::kDebug},
                                                          {"info", Severity::kInfo},
                                                          {"warn", Severity::kWarn},
                                                          {"error", Severity::kError}};
  options.receive_buffer_bytes = static_cast<uint32_t>(*ParseSize(raw.receive_buffer));
  options.record_max_bytes = *ParseSize(raw.record_max_size);
  options.idle_timeout_ns = *ParseDuration(raw.idle_timeout);
  options.container_idle_timeout_ns = *ParseDuration(raw.container_idle_timeout);
  options.usage_interval_ns = *ParseDuration(raw.usage_interval);
  options.log_level = kLevels.at(raw.log_level);
  options.log_format = raw.log_format == "json" ? LogFormat::kJson : LogFormat::kLogfmt;
  EnableCollectors(raw, options);
}

// What the flags say together, beyond what each may; "" if they agree.
std::string CheckTogether(const Options& options) {
  std::set<std::string> addresses;
  for (const std::string& address : options.listen_addresses) {
    if (!addresses.insert(address).second) {
      return absl::StrCat("--web.listen-address: `", address, "` is given twice");
    }
  }
  return "";
}

ExitRequest UsageError(absl::string_view why) {
  return {kUsageError, absl::StrCat("cnproc_exporter: ", why, "; see cnproc_exporter --help\n")};
}

}  // namespace

bool Options::IsEnabled(std::string_view collector) const {
  return std::any_of(collectors.begin(), collectors.end(),
                     [collector](const CollectorSpec* spec) { return spec->name == collector; });
}

bool Options::IsNamed(std::string_view collector) const {
  return std::find(named_collectors.begin(), named_collectors.end(), collector) !=
         named_collectors.end();
}

std::optional<uint64_t> ParseSize(const std::string& text) {
  static const std::vector<std::pair<absl::string_view, int>> kUnits = {
      {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"", 0}};
  absl::string_view number = text;
  for (const auto& [unit, shift] : kUnits) {
    if (!absl::ConsumeSuffix(&number, unit)) continue;
    uint64_t count = 0;
    const bool is_number =
        !number.empty() && number.find_first_not_of("0123456789") == absl::string_view::npos;
    if (!is_number || !absl::SimpleAtoi(number, &count) ||
        count > std::numeric_limits<uint64_t>::max() >> shift) {
      return std::nullopt;
    }
    return count << shift;
  }
  return std::nullopt;
}

std::optional<int64_t> ParseDuration(const std::string& text) {
  static constexpr std::array<std::pair<const char*, int64_t>, 7> kUnits = {
      {{"y", 365 * 86'400'000LL},
       {"w", 7 * 86'400'000LL},
       {"d", 86'400'000},
       {"h", 3'600'000},
       {"m", 60'000},
       {"s", 1'000},
       {"ms", 1}}};
  // 290 years fit into 64 bits of nanoseconds.
  constexpr int64_t kMaxMs = int64_t{100} * 365 * 86'400'000;
  absl::string_view rest = text;
  int64_t total_ms = 0;
  size_t unit_index = 0;  // of the largest unit that may follow
  while (!rest.empty()) {
    const size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    int64_t count = 0;
    if (!absl::SimpleAtoi(rest.substr(0, digits), &count)) return std::nullopt;
    rest.remove_prefix(digits);
    const size_t letters = std::min(rest.find_first_of("0123456789"), rest.size());
    const absl::string_view unit = rest.substr(0, letters);
    rest.remove_prefix(letters);
    while (unit_index < kUnits.size() && unit != kUnits[unit_index].first) ++unit_index;
    if (unit_index == kUnits.size() || count > kMaxMs / kUnits[unit_index].second) {
      return std::nullopt;
    }
    total_ms += count * kUnits[unit_index++].second;
  }
  if (text.empty() || total_ms > kMaxMs) return std::nullopt;
  return total_ms * 1'000'000;
}

std::variant<Options, ExitRequest> ParseOptions(int argc, const char* const* argv) {
  CLI::App app("Prometheus exporter for the process events of the Linux kernel.",
               "cnproc_exporter");
  app.get_formatter()->column_width(42);
  Options options;
  RawOptions raw;
  AddWebFlags(app, options);
  AddCollectorFlags(app, raw);
  AddLabelFlags(app, options, raw);
  AddUsageFlags(app, options, raw);
  AddConnectorFlags(app, options, raw);
  AddOtherFlags(app, options, raw);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return ExitRequest{0, app.help()};
  } catch (const CLI::CallForVersion&) {
    return ExitRequest{0, absl::StrCat(VersionText(), "\n")};
  } catch (const CLI::ParseError& error) {
    return UsageError(error.what());
  }
  if (const std::string why = CheckTogether(options); !why.empty()) return UsageError(why);
  Convert(raw, options);
  return options;
}

}  // namespace cnproc
