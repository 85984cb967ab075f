// SPDX-License-Identifier: Apache-2.0
// Numbers as the exposition formats write them.
#ifndef CNPROC_EXPORTER_EXPOSITION_NUMBER_H_
#define CNPROC_EXPORTER_EXPOSITION_NUMBER_H_

#include <cstdint>
#include <string>

namespace cnproc {

// The shortest decimal that reads back as the same double; "+Inf", "-Inf" and "NaN".
void AppendNumber(std::string& out, double value);

void AppendInteger(std::string& out, uint64_t value);

// A bucket's bound as OpenMetrics 1.0 writes it, so that the label is the same in every format:
// like Go's %g, with ".0" where neither a point nor an exponent tells that it is a float.
void AppendBucketBound(std::string& out, double bound);

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_EXPOSITION_NUMBER_H_
