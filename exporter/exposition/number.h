// SPDX-License-Identifier: Apache-2.0
// Numbers as the exposition formats write them.
#ifndef CNPROC_EXPORTER_EXPOSITION_NUMBER_H_
#define CNPROC_EXPORTER_EXPOSITION_NUMBER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cnproc {

// The text of a number, in place.
struct NumberText {
  operator std::string_view() const { return {bytes.data(), size}; }  // NOLINT: it is one

  // The longest double has 24 characters, the longest uint64_t 20.
  std::array<char, 32> bytes;
  size_t size = 0;
};

// The shortest decimal that reads back as the same double; "+Inf", "-Inf" and "NaN".
NumberText FormatNumber(double value);

NumberText FormatInteger(uint64_t value);

// A bucket's bound as OpenMetrics 1.0 writes it, so that the label is the same in every format:
// like Go's %g, with ".0" where neither a point nor an exponent tells that it is a float.
NumberText FormatBucketBound(double bound);

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_EXPOSITION_NUMBER_H_
