// SPDX-License-Identifier: Apache-2.0
// The file of --config.file: which programs have which names, which are expected, how many values
// each label may have.
#ifndef CNPROC_EXPORTER_CONFIG_H_
#define CNPROC_EXPORTER_CONFIG_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "collectors/process/program_rules.h"

namespace cnproc {

// Of one label that user space chooses.
struct DimensionConfig {
  std::optional<size_t> limit;
  std::vector<std::string> expected;
};

// A value: the one in force is replaced as a whole.
struct Config {
  ProgramRules program_rules;
  DimensionConfig program;
  DimensionConfig unit;
  DimensionConfig container;  // expects nothing, as its values are made anew all the time
  DimensionConfig user;
  DimensionConfig lineage;  // expects nothing either
};

inline constexpr size_t kMaxLabelLimit = 100'000;

// All or nothing. Errors are of the form "FILE:LINE:COLUMN: what is wrong".
absl::StatusOr<Config> ParseConfig(const std::string& text, std::string_view file);
absl::StatusOr<Config> ReadConfig(const std::string& file);

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_CONFIG_H_
