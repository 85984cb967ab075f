// SPDX-License-Identifier: Apache-2.0
// Flags and the configuration file put together.
#ifndef CNPROC_EXPORTER_SETTINGS_H_
#define CNPROC_EXPORTER_SETTINGS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "collectors/who/settings.h"
#include "exporter/config.h"
#include "exporter/options.h"

namespace cnproc {

// A flag beats the file, the file beats the default.
Settings MakeSettings(const Options& options, const Config& config);

// With the file that the options name, if they do. Errors are those of ReadConfig.
absl::StatusOr<Settings> ReadSettings(const Options& options);

// What the settings expect and no machine can have: such a value would stay at 0 for ever, and look
// like something that is missing. One sentence each, for the log and for --config.check.
std::vector<std::string> ImpossibleExpectations(const Settings& settings);

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_SETTINGS_H_
