// SPDX-License-Identifier: Apache-2.0
// Opens what the enabled collectors read beside the stream.
#ifndef CNPROC_EXPORTER_MACHINE_SOURCES_H_
#define CNPROC_EXPORTER_MACHINE_SOURCES_H_

#include "collectors/pipeline/side_sources.h"
#include "exporter/options.h"

namespace cnproc {

// Never fails: what cannot be opened says why, and the rest works without it.
SideInputs OpenMachine(const Options& options);

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_MACHINE_SOURCES_H_
