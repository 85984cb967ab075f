// SPDX-License-Identifier: Apache-2.0
#include "collectors/base/label_text.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace cnproc {
namespace {

using std::string_view_literals::operator""sv;

struct TextCase {
  std::string_view what;
  std::string_view text;
  std::string_view label;  // what it becomes
  std::string_view utf8;
};

constexpr TextCase kTexts[] = {
    {"plain", "nginx", "nginx", "nginx"},
    {"what only formats escape", "a\"b\\c", "a\"b\\c", "a\"b\\c"},
    {"empty", "", "", ""},
    {"two to four bytes", "\u00e9\u20ac\U0001f600", "\u00e9\u20ac\U0001f600",
     "\u00e9\u20ac\U0001f600"},
    {"new line", "a\nb", "a\ufffdb", "a\nb"},
    {"NUL", "a\0b"sv, "a\ufffdb", "a\0b"sv},
    {"escape and DEL", "\x1b[1m\x7f", "\ufffd[1m\ufffd", "\x1b[1m\x7f"},
    {"C1 control", "a\u0085b", "a\ufffdb", "a\u0085b"},
    {"no-break space is none", "a\u00a0b", "a\u00a0b", "a\u00a0b"},
    {"lone continuation", "a\x80z", "a\ufffdz", "a\ufffdz"},
    {"overlong slash", "\xc0\xaf", "\ufffd\ufffd", "\ufffd\ufffd"},
    {"overlong in three bytes", "\xe0\x80\xaf", "\ufffd\ufffd\ufffd", "\ufffd\ufffd\ufffd"},
    {"overlong in four bytes", "\xf0\x80\x80\xaf", "\ufffd\ufffd\ufffd\ufffd",
     "\ufffd\ufffd\ufffd\ufffd"},
    {"surrogate", "\xed\xa0\x80", "\ufffd\ufffd\ufffd", "\ufffd\ufffd\ufffd"},
    {"beyond Unicode", "\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd", "\ufffd\ufffd\ufffd\ufffd"},
    {"the last of Unicode", "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
    {"never used", "\xfe\xff", "\ufffd\ufffd", "\ufffd\ufffd"},
    {"cut in the middle, as comm is", "fourteen_bytes\xe2", "fourteen_bytes\ufffd",
     "fourteen_bytes\ufffd"},
    {"a character that breaks off", "\xe2\x82z", "\ufffd\ufffdz", "\ufffd\ufffdz"},
};

TEST(LabelTextTest, ReplacesWhatNoLabelMayHold) {
  for (const TextCase& test : kTexts) {
    SCOPED_TRACE(test.what);
    EXPECT_EQ(ToLabelText(test.text), test.label);
    EXPECT_EQ(ToUtf8(test.text), test.utf8);
    EXPECT_EQ(IsLabelText(test.text), test.text == test.label);
  }
}

TEST(LabelTextTest, MakesEveryPairOfBytesALabel) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string text{static_cast<char>(first), static_cast<char>(second)};
      const std::string label = ToLabelText(text);
      EXPECT_TRUE(IsLabelText(label)) << first << ' ' << second;
      EXPECT_TRUE(label == text || !IsLabelText(text)) << first << ' ' << second;
    }
  }
}

TEST(LabelTextTest, CutsBetweenCharacters) {
  // Given a text that is one byte too long and ends with a character of two bytes
  const std::string text = std::string(kMaxLabelTextBytes - 1, 'x') + "\u00e9";
  EXPECT_FALSE(IsLabelText(text));
  // Then the whole character goes.
  EXPECT_EQ(ToLabelText(text), std::string(kMaxLabelTextBytes - 1, 'x'));
}

}  // namespace
}  // namespace cnproc
