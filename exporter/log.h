// SPDX-License-Identifier: Apache-2.0
// One line an entry on stderr, in logfmt or JSON.
#ifndef CNPROC_EXPORTER_LOG_H_
#define CNPROC_EXPORTER_LOG_H_

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "collectors/base/log_sink.h"

namespace cnproc {

enum class LogFormat { kLogfmt, kJson };

// Set before the first thread starts; entries below `level` are left out.
void ConfigureLog(Severity level, LogFormat format);

using LogFields = std::initializer_list<std::pair<std::string_view, std::string_view>>;

// Thread safe: each entry is one write(2). Control characters and invalid UTF-8 cannot break a
// line.
void Log(Severity severity, std::string_view message, LogFields fields = {});

// The line that Log writes, without its end.
std::string FormatLogLine(LogFormat format, std::string_view time, Severity severity,
                          std::string_view message, LogFields fields);

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_LOG_H_
