// SPDX-License-Identifier: Apache-2.0
// The two text formats of Prometheus: 0.0.4 and OpenMetrics 1.0.
#ifndef CNPROC_EXPORTER_EXPOSITION_TEXT_H_
#define CNPROC_EXPORTER_EXPOSITION_TEXT_H_

#include <string>

#include "collectors/metrics/family.h"

namespace cnproc {

struct OpenMetricsOptions {
  bool created = false;   // _created lines (older Prometheus stores them as series)
  bool exemplars = true;  // of counters and histogram buckets
};

// Families come sorted; nothing is reordered. Numbers are the shortest that read back as the same
// double, but le is written as OpenMetrics does ("1.0", "+Inf") in both formats.
std::string WriteText(const Families& families);
std::string WriteOpenMetrics(const Families& families, const OpenMetricsOptions& options);

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_EXPOSITION_TEXT_H_
