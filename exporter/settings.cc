// SPDX-License-Identifier: Apache-2.0
#include "exporter/settings.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "collectors/dimension_collector.h"

namespace cnproc {
namespace {

LabelPolicy MakePolicy(const LabelFlags& flags, const DimensionConfig& config,
                       int64_t idle_timeout_ns) {
  return {.limit = flags.limit.value_or(config.limit.value_or(flags.default_limit)),
          .idle_timeout_ns = idle_timeout_ns,
          .remove_idle = false,
          .expected = config.expected};
}

// Expected values beyond the limit would be there all the same, and nothing else.
absl::Status CheckExpected(const Options& options, const Settings& settings) {
  for (size_t i = 0; i < kDimensionCount; ++i) {
    const LabelPolicy& policy = settings.labels[i];
    if (policy.expected.size() <= policy.limit) continue;
    const char* const name = NamesOf(static_cast<Dimension>(i)).dimension;
    return absl::InvalidArgumentError(
        absl::StrCat("--config.file: ", options.config_file, ": ", name, ": ",
                     policy.expected.size(), " expected values do not fit into the limit of ",
                     policy.limit, "; raise it, here or by --collector.", name, ".limit"));
  }
  return absl::OkStatus();
}

}  // namespace

Settings MakeSettings(const Options& options, const Config& config) {
  const int64_t idle_ns = options.idle_timeout_ns;
  Settings settings;
  const auto set = [&settings](Dimension dimension, LabelPolicy policy) {
    settings.labels[static_cast<size_t>(dimension)] = std::move(policy);
  };
  set(Dimension::kProgram, MakePolicy(options.program, config.program, idle_ns));
  set(Dimension::kUnit, MakePolicy(options.unit, config.unit, idle_ns));
  set(Dimension::kUser, MakePolicy(options.user, config.user, idle_ns));
  LabelPolicy container =
      MakePolicy(options.container, config.container, options.container_idle_timeout_ns);
  // Containers are made anew all the time: one that is gone does not come back.
  container.remove_idle = true;
  set(Dimension::kContainer, std::move(container));
  settings.lineage = MakePolicy(options.lineage, config.lineage, idle_ns);
  settings.program_lifetime = options.program_lifetime;
  settings.program_rules = config.program_rules;
  return settings;
}

absl::StatusOr<Settings> ReadSettings(const Options& options) {
  if (options.config_file.empty()) return MakeSettings(options, Config());
  const absl::StatusOr<Config> config = ReadConfig(options.config_file);
  if (!config.ok()) return config.status();
  Settings settings = MakeSettings(options, *config);
  if (absl::Status status = CheckExpected(options, settings); !status.ok()) return status;
  return settings;
}

}  // namespace cnproc
