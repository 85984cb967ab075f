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

TEST(LogTest, NoValueCanBreakTheLine) {
  for (const LogFormat format : {LogFormat::kLogfmt, LogFormat::kJson}) {
    const std::string line =
        FormatLogLine(format, kTime, Severity::kError, "a\nb\x1b[31m\x7f\xff", {});
    for (const char c : line) {
      EXPECT_GE(c, 0x20) << line;
      EXPECT_LT(c, 0x7f) << line;
    }
  }
}

}  // namespace
}  // namespace cnproc
