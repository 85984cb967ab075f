// SPDX-License-Identifier: Apache-2.0
#include "exporter/exposition/number.h"

#include <charconv>
#include <cmath>

namespace cnproc {
namespace {

void Append(NumberText& out, std::string_view text) {
  out.size += text.copy(out.bytes.data() + out.size, out.bytes.size() - out.size);
}

template <typename Number, typename... Format>
NumberText Digits(Number value, Format... format) {
  NumberText out;
  char* const begin = out.bytes.data();
  out.size = static_cast<size_t>(
      std::to_chars(begin, begin + out.bytes.size(), value, format...).ptr - begin);
  return out;
}

NumberText NonFinite(double value) {
  NumberText out;
  Append(out, std::isnan(value) ? "NaN" : (value > 0 ? "+Inf" : "-Inf"));
  return out;
}

}  // namespace

NumberText FormatInteger(uint64_t value) { return Digits(value); }

NumberText FormatNumber(double value) {
  // Most numbers of a page are small counts. Below 1e5 their digits are the shortest form too.
  if (value >= 0 && value < 1e5 && !std::signbit(value)) {
    const auto whole = static_cast<uint32_t>(value);
    if (static_cast<double>(whole) == value) return Digits(whole);
  }
  return std::isfinite(value) ? Digits(value) : NonFinite(value);
}

NumberText FormatBucketBound(double bound) {
  if (!std::isfinite(bound)) return NonFinite(bound);
  // %g has an exponent from 1e6 on and below 1e-4; to_chars on its own looks for the shortest.
  const double magnitude = std::fabs(bound);
  if (magnitude != 0 && (magnitude < 1e-4 || magnitude >= 1e6)) {
    return Digits(bound, std::chars_format::scientific);
  }
  NumberText out = Digits(bound, std::chars_format::fixed);
  if (std::string_view(out).find('.') == std::string_view::npos) Append(out, ".0");
  return out;
}

}  // namespace cnproc
