// SPDX-License-Identifier: Apache-2.0
// The protobuf format of Prometheus: the one that carries native histograms and start times.
#ifndef CNPROC_EXPORTER_EXPOSITION_PROTOBUF_H_
#define CNPROC_EXPORTER_EXPOSITION_PROTOBUF_H_

#include <string>

#include "collectors/metrics/family.h"

namespace cnproc {

// Each family as one io.prometheus.client.MetricFamily (metrics.proto) behind its length as a
// varint. Label values and help texts must be UTF-8.
std::string WriteProtobuf(const Families& families, bool exemplars);

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_EXPOSITION_PROTOBUF_H_
