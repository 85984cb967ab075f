// SPDX-License-Identifier: Apache-2.0
#include "exporter/log.h"

#include <gtest/gtest.h>

namespace cnproc {
namespace {

constexpr const char* kTime = "2026-01-02T03:04:05.678Z";

TEST(LogTest, LogfmtQuotesWhatNeedsIt) {
  EXPECT_EQ(FormatLogLine(LogFormat::kLogfmt, kTime, Severity::kInfo, "serving",
                          {{"path", "/metrics"}, {"note", "a \"b\" = c"}, {"empty", ""}}),
            "time=2026-01-02T03:04:05.678Z level=info msg=serving path=/metrics "
            "note=\"a \\\"b\\\" = c\" empty=\"\"");
}

TEST(LogTest, JsonIsOneObject) {
  EXPECT_EQ(FormatLogLine(LogFormat::kJson, kTime, Severity::kWarn, "a\\b", {{"k", "v"}}),
            "{\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"warn\",\"msg\":\"a\\\\b\","
            "\"k\":\"v\"}");
}

TEST(LogTest, KeepsUtf8) {
  const std::string line =
      FormatLogLine(LogFormat::kLogfmt, kTime, Severity::kError, "\u00fc/x.yml", {});
  EXPECT_NE(line.find("\u00fc/x.yml"), std::string::npos) << line;
}

TEST(LogTest, NoValueCanBreakTheLine) {
  for (const LogFormat format : {LogFormat::kLogfmt, LogFormat::kJson}) {
    const std::string line =
        FormatLogLine(format, kTime, Severity::kError, "a\nb\x1b[31m\x7f\xff", {});
    for (const char c : line) {
      EXPECT_GE(static_cast<unsigned char>(c), 0x20) << line;
      EXPECT_NE(c, 0x7f) << line;
    }
    EXPECT_NE(line.find("\ufffd"), std::string::npos) << "what is no UTF-8 does not stay: " << line;
  }
}

}  // namespace
}  // namespace cnproc
