// SPDX-License-Identifier: Apache-2.0
// The small steps of reading a text from left to right. ASCII only, whatever the locale.
#ifndef CNPROC_COLLECTORS_BASE_TEXT_SCAN_H_
#define CNPROC_COLLECTORS_BASE_TEXT_SCAN_H_

#include <cstddef>
#include <string_view>

namespace cnproc {

inline bool IsDigit(char c) { return c >= '0' && c <= '9'; }
inline bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); }  // lower case only
inline bool IsAlphanumeric(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Each removes what it says and returns true, or returns false and leaves the text as it is.
inline bool ConsumePrefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}
inline bool ConsumeSuffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}
inline bool ConsumeDigits(std::string_view& text) {
  size_t digits = 0;
  while (digits < text.size() && IsDigit(text[digits])) ++digits;
  text.remove_prefix(digits);
  return digits > 0;
}

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_BASE_TEXT_SCAN_H_
