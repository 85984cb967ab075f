// SPDX-License-Identifier: Apache-2.0
// What user space calls its processes can be any bytes; a label value cannot. Pure, thread safe.
#ifndef CNPROC_COLLECTORS_BASE_LABEL_TEXT_H_
#define CNPROC_COLLECTORS_BASE_LABEL_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace cnproc {

// The longest name of a unit has 255 bytes, a container's id 77; only rules make longer ones.
inline constexpr size_t kMaxLabelTextBytes = 256;

// Valid UTF-8 (no overlong forms, no surrogates), no control characters (C0, DEL, C1), not too
// long.
bool IsLabelText(std::string_view text);

// The same text with U+FFFD in place of each byte or character that no label value may hold, cut
// between two characters where it is too long.
std::string ToLabelText(std::string_view text);

// Valid UTF-8 with U+FFFD in place of invalid bytes; control characters and length stay.
std::string ToUtf8(std::string_view text);

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_BASE_LABEL_TEXT_H_
