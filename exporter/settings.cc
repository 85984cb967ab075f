// SPDX-License-Identifier: Apache-2.0
#include "exporter/settings.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "collectors/dimension_collector.h"
#include "collectors/process/cgroup_path.h"
#include "collectors/process/unit_name.h"

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

// Empty if such a program can be.
std::string WhyNoProgram(const std::string& name, const ProgramRules& rules) {
  // TASK_COMM_LEN of include/linux/sched.h, less the NUL.
  constexpr size_t kMaxComm = 15;
  if (name.size() <= kMaxComm || rules.CanGive(name)) return "";
  return absl::StrCat("names have ", kMaxComm, " bytes, unless a rule gives longer ones: expect \"",
                      name.substr(0, kMaxComm), "\" or add a rule");
}

// Empty if such a unit can have processes.
std::string WhyNoUnit(const std::string& name) {
  if (name.ends_with(".slice")) {
    return "slices hold no processes themselves: expect units in it";
  }
  if (!IsUnitName(name)) {
    return "no unit that holds processes has such a name: give it whole, as \"nginx.service\"";
  }
  // systemd puts one more before an underscore.
  const std::string path = absl::StrCat("/system.slice/", name.starts_with("_") ? "_" : "", name);
  const CgroupIdentity identity = IdentifyCgroupPath(path, "");
  if (!identity.container_id.empty()) return "it is a container, and no unit";
  if (identity.unit == name) return "";
  if (identity.unit.empty()) return "it is a step of a build, and no unit";
  return absl::StrCat("it is counted as \"", identity.unit, "\", as its name is made of an id");
}

}  // namespace

std::vector<std::string> ImpossibleExpectations(const Settings& settings) {
  std::vector<std::string> result;
  const auto expected = [&settings](Dimension dimension) -> const std::vector<std::string>& {
    return settings.labels[dimension].expected;
  };
  const auto add = [&result](const char* kind, const std::string& name, const std::string& why) {
    if (why.empty()) return;
    result.push_back(
        absl::StrCat("the expected ", kind, " \"", name, "\" can never be there: ", why));
  };
  for (const std::string& name : expected(Dimension::kProgram)) {
    add("program", name, WhyNoProgram(name, settings.program_rules));
  }
  for (const std::string& name : expected(Dimension::kUnit)) add("unit", name, WhyNoUnit(name));
  return result;
}

Settings MakeSettings(const Options& options, const Config& config) {
  const int64_t idle_ns = options.idle_timeout_ns;
  Settings settings;
  const auto set = [&settings](Dimension dimension, LabelPolicy policy) {
    settings.labels[dimension] = std::move(policy);
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
