// SPDX-License-Identifier: Apache-2.0
// --config.check: tries every part but the web server on this machine.
#ifndef CNPROC_EXPORTER_CHECK_H_
#define CNPROC_EXPORTER_CHECK_H_

#include "collectors/who/settings.h"
#include "exporter/options.h"

namespace cnproc {

// Prints a line for each part to stdout: whether it works here and what it lacks. Returns the exit
// status: 1 if the stream or a collector that a flag named cannot work, else 0.
int CheckConfiguration(const Options& options, const Settings& settings);

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_CHECK_H_
