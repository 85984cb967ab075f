// SPDX-License-Identifier: Apache-2.0
#include "collectors/base/label_text.h"

#include <algorithm>
#include <cstdint>

namespace cnproc {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

bool IsContinuation(char c) { return (static_cast<uint8_t>(c) & 0xc0) == 0x80; }

// Bytes of the well-formed character at the beginning of `text`, by table 3-7 of the Unicode
// standard; 0 if there is none.
size_t CharacterBytes(std::string_view text) {
  const auto first = static_cast<uint8_t>(text[0]);
  if (first < 0x80) return 1;
  const size_t bytes = first < 0xc2   ? 0
                       : first < 0xe0 ? 2
                       : first < 0xf0 ? 3
                       : first < 0xf5 ? 4
                                      : 0;
  if (bytes == 0 || text.size() < bytes) return 0;
  const auto second = static_cast<uint8_t>(text[1]);
  const uint8_t lowest = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const uint8_t highest = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (second < lowest || second > highest) return 0;
  const std::string_view rest = text.substr(2, bytes - 2);
  return std::all_of(rest.begin(), rest.end(), IsContinuation) ? bytes : 0;
}

// Of a well-formed character.
bool IsControl(std::string_view character) {
  const auto first = static_cast<uint8_t>(character[0]);
  return first < 0x20 || first == 0x7f ||
         (first == 0xc2 && static_cast<uint8_t>(character[1]) < 0xa0);
}

bool IsPrintableAscii(char c) { return c >= 0x20 && c < 0x7f; }

std::string Replace(std::string_view text, bool controls_too, size_t max_bytes) {
  std::string result;
  result.reserve(std::min(text.size(), max_bytes));
  while (!text.empty()) {
    const size_t bytes = CharacterBytes(text);
    const bool keep = bytes > 0 && !(controls_too && IsControl(text));
    const std::string_view next = keep ? text.substr(0, bytes) : kReplacement;
    if (result.size() + next.size() > max_bytes) break;
    result += next;
    text.remove_prefix(std::max<size_t>(bytes, 1));
  }
  return result;
}

}  // namespace

bool IsLabelText(std::string_view text) {
  if (text.size() > kMaxLabelTextBytes) return false;
  // Nearly every name is plain ASCII.
  text.remove_prefix(static_cast<size_t>(
      std::find_if_not(text.begin(), text.end(), IsPrintableAscii) - text.begin()));
  while (!text.empty()) {
    const size_t bytes = CharacterBytes(text);
    if (bytes == 0 || IsControl(text)) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

std::string ToLabelText(std::string_view text) { return Replace(text, true, kMaxLabelTextBytes); }

std::string ToUtf8(std::string_view text) { return Replace(text, false, std::string::npos); }

}  // namespace cnproc
