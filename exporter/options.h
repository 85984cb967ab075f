// SPDX-License-Identifier: Apache-2.0
// The command line.
#ifndef CNPROC_EXPORTER_OPTIONS_H_
#define CNPROC_EXPORTER_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "collectors/base/log_sink.h"
#include "collectors/collector.h"
#include "exporter/log.h"

namespace cnproc {

// Values of a label that user space chooses.
struct LabelFlags {
  size_t default_limit = 0;
  std::optional<size_t> limit = std::nullopt;  // given by a flag
};

// As ParseOptions leaves it: what has a unit gets its default there.
struct Options {
  // Web
  std::vector<std::string> listen_addresses = {":10119"};
  std::string telemetry_path = "/metrics";
  int max_requests = 40;
  std::string web_config_file;
  bool openmetrics_created = false;
  bool exemplars = true;
  bool disable_exporter_metrics = false;

  // Collectors: the enabled ones in the registry's order; `named` were asked for by a flag.
  bool IsEnabled(std::string_view collector) const;
  bool IsNamed(std::string_view collector) const;
  std::vector<const CollectorSpec*> collectors;
  std::vector<std::string> named_collectors;
  LabelFlags program{.default_limit = 100};
  LabelFlags unit{.default_limit = 100};
  LabelFlags container{.default_limit = 200};
  LabelFlags user{.default_limit = 50};
  LabelFlags lineage{.default_limit = 200};
  int64_t idle_timeout_ns = 0;
  int64_t container_idle_timeout_ns = 0;
  std::string kubelet_runtime = "containerd";
  bool program_lifetime = true;
  int64_t usage_interval_ns = 0;
  double usage_cpu_percent = 0.5;  // of one CPU
  std::string config_file;

  // Connector
  uint32_t receive_buffer_bytes = 0;
  std::string network_namespace;
  std::string record_file;
  uint64_t record_max_bytes = 0;
  std::string replay_file;
  double replay_speed = 1;  // 0 = as fast as it goes
  bool replay_loop = false;

  std::string procfs_root = "/proc";
  std::string cgroupfs_root = "/sys/fs/cgroup";
  bool config_check = false;
  Severity log_level = Severity::kInfo;
  LogFormat log_format = LogFormat::kLogfmt;
};

// What the program is to do instead of running.
struct ExitRequest {
  int status = 0;
  std::string text;  // ends with a newline; for stdout if status is 0, else for stderr
};

std::variant<Options, ExitRequest> ParseOptions(int argc, const char* const* argv);

// "8MiB" → 8388608: bytes, or KiB, MiB, GiB. Nothing if it is no size or beyond 64 bits.
std::optional<uint64_t> ParseSize(const std::string& text);

// "1h30m" → ns, as Prometheus writes durations: units ms, s, m, h, d, w, y, largest first. Nothing
// if it is none.
std::optional<int64_t> ParseDuration(const std::string& text);

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_OPTIONS_H_
