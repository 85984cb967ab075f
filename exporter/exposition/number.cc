// SPDX-License-Identifier: Apache-2.0
#include "exporter/exposition/number.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <string_view>

namespace cnproc {
namespace {

constexpr size_t kMaxDigits = 32;  // the longest double is 24 characters, the longest uint64_t 20

bool AppendNonFinite(std::string& out, double value) {
  if (std::isfinite(value)) return false;
  out += std::isnan(value) ? "NaN" : (value > 0 ? "+Inf" : "-Inf");
  return true;
}

}  // namespace

void AppendInteger(std::string& out, uint64_t value) {
  char digits[kMaxDigits];
  const auto result = std::to_chars(digits, digits + sizeof(digits), value);
  out.append(digits, result.ptr);
}

void AppendNumber(std::string& out, double value) {
  // Most numbers of a page are small counts. Below 1e5 their digits are the shortest form too.
  if (value >= 0 && value < 1e5 && !std::signbit(value)) {
    const auto whole = static_cast<uint32_t>(value);
    if (static_cast<double>(whole) == value) return AppendInteger(out, whole);
  }
  if (AppendNonFinite(out, value)) return;
  char digits[kMaxDigits];
  const auto result = std::to_chars(digits, digits + sizeof(digits), value);
  out.append(digits, result.ptr);
}

void AppendBucketBound(std::string& out, double bound) {
  if (AppendNonFinite(out, bound)) return;
  // %g has an exponent from 1e6 on and below 1e-4; to_chars on its own looks for the shortest.
  const double magnitude = std::fabs(bound);
  const bool exponent = magnitude != 0 && (magnitude < 1e-4 || magnitude >= 1e6);
  char digits[kMaxDigits];
  const auto result =
      std::to_chars(digits, digits + sizeof(digits), bound,
                    exponent ? std::chars_format::scientific : std::chars_format::fixed);
  const std::string_view written(digits, result.ptr - digits);
  out += written;
  if (!exponent && written.find('.') == std::string_view::npos) out += ".0";
}

}  // namespace cnproc
