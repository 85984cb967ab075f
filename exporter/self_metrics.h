// SPDX-License-Identifier: Apache-2.0
// The exporter about itself: the process_* metrics that every Prometheus client has.
#ifndef CNPROC_EXPORTER_SELF_METRICS_H_
#define CNPROC_EXPORTER_SELF_METRICS_H_

#include <string>

#include "collectors/metrics/family.h"

namespace cnproc {

// Appends the seven process_* families of the calling process. procfs is the machine's own /proc,
// not what --path.procfs says, unless in a test. A value that cannot be read is left out, as
// client_golang does.
void CollectProcessMetrics(Families& families, const std::string& procfs = "/proc");

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_SELF_METRICS_H_
