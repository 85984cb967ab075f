// SPDX-License-Identifier: Apache-2.0
#include "exporter/log.h"

#include <unistd.h>

#include <array>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "collectors/base/label_text.h"

namespace cnproc {
namespace {

constexpr std::array<std::string_view, 4> kSeverityNames = {"debug", "info", "warn", "error"};

struct LogConfiguration {
  Severity level = Severity::kInfo;
  LogFormat format = LogFormat::kLogfmt;
};
LogConfiguration g_configuration;  // written before the first thread starts, then only read

std::string_view Name(Severity severity) { return kSeverityNames[static_cast<size_t>(severity)]; }

// Quoted as JSON demands. Bytes beyond ASCII are kept where they are UTF-8.
void AppendQuoted(std::string& line, std::string_view text) {
  line += '"';
  for (const char c : ToUtf8(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (c == '\n') {
      line += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      absl::StrAppendFormat(&line, "\\u%04x", byte);
    } else {
      line += c;
    }
  }
  line += '"';
}

bool NeedsQuotes(std::string_view text) {
  if (text.empty()) return true;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f || c == '"' || c == '=' || c == '\\') return true;
  }
  return false;
}

void AppendLogfmt(std::string& line, std::string_view key, std::string_view value) {
  if (!line.empty()) line += ' ';
  line += key;
  line += '=';
  if (NeedsQuotes(value)) {
    AppendQuoted(line, value);
  } else {
    line += value;
  }
}

void AppendJson(std::string& line, std::string_view key, std::string_view value) {
  line += line.empty() ? '{' : ',';
  AppendQuoted(line, key);
  line += ':';
  AppendQuoted(line, value);
}

}  // namespace

void ConfigureLog(Severity level, LogFormat format) { g_configuration = {level, format}; }

std::string FormatLogLine(LogFormat format, std::string_view time, Severity severity,
                          std::string_view message, LogFields fields) {
  const auto append = format == LogFormat::kJson ? AppendJson : AppendLogfmt;
  std::string line;
  append(line, "time", time);
  append(line, "level", Name(severity));
  append(line, "msg", message);
  for (const auto& [key, value] : fields) append(line, key, value);
  if (format == LogFormat::kJson) line += '}';
  return line;
}

void Log(Severity severity, std::string_view message, LogFields fields) {
  if (severity < g_configuration.level) return;
  const std::string time =
      absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone());
  std::string line = FormatLogLine(g_configuration.format, time, severity, message, fields);
  line += '\n';
  // Nothing can be said about a log that cannot be written.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace cnproc
