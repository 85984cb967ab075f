// SPDX-License-Identifier: Apache-2.0
#include "exporter/self_metrics.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_split.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "collectors/kernel/read_file.h"
#include "collectors/metrics/family_writer.h"

namespace cnproc {
namespace {

using prometheus::MetricType;

// Empty where it cannot be read: then the numbers in it are left out.
std::string TextOf(const std::string& path) { return ReadWholeFile(path).value_or(""); }

// The fields of /proc/PID/stat after the command, which may itself hold spaces and parentheses;
// the first of them is field 3 of proc(5).
class StatFields {
 public:
  explicit StatFields(const std::string& stat) {
    const size_t end = stat.rfind(')');
    if (end == std::string::npos) return;
    fields_ = absl::StrSplit(stat.substr(end + 1), ' ', absl::SkipEmpty());
  }

  std::optional<double> Field(size_t number) const {
    constexpr size_t kFirst = 3;
    double value = 0;
    if (number < kFirst || number - kFirst >= fields_.size() ||
        !absl::SimpleAtod(fields_[number - kFirst], &value)) {
      return std::nullopt;
    }
    return value;
  }

 private:
  std::vector<std::string> fields_;
};

// The word that follows `key` at the start of a line, as a number.
std::optional<double> FindNumber(const std::string& text, std::string_view key) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!std::string_view(line).starts_with(key)) continue;
    std::istringstream rest(line.substr(key.size()));
    std::string word;
    double value = 0;
    if (rest >> word && absl::SimpleAtod(word, &value)) return value;
  }
  return std::nullopt;
}

std::optional<double> CountDescriptors(const std::string& folder) {
  // From Linux 6.2 on the folder's size says it (proc(5)); to list hundreds takes 200 us.
  struct stat status = {};
  if (stat(folder.c_str(), &status) != 0) return std::nullopt;
  if (status.st_size > 0) return static_cast<double>(status.st_size);
  std::error_code error;
  double count = 0;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    ++count;
  }
  if (error) return std::nullopt;
  return count - 1;  // without the descriptor of the folder itself
}

std::optional<double> Scaled(std::optional<double> value, double factor) {
  if (value) *value *= factor;
  return value;
}

std::optional<double> Sum(std::optional<double> a, std::optional<double> b) {
  if (!a || !b) return std::nullopt;
  return *a + *b;
}

struct Row {
  const char* name;
  const char* help;
  MetricType type;
  std::optional<double> value;
};

}  // namespace

void CollectProcessMetrics(Families& families, const std::string& procfs) {
  const std::string self = procfs + "/self";
  const StatFields stat(TextOf(self + "/stat"));
  const double tick_seconds = 1.0 / static_cast<double>(sysconf(_SC_CLK_TCK));
  const auto page_bytes = static_cast<double>(sysconf(_SC_PAGESIZE));
  const auto boot_time = FindNumber(TextOf(procfs + "/stat"), "btime ");

  const auto start_time = Sum(Scaled(stat.Field(22), tick_seconds), boot_time);

  const std::array rows = {
      Row{"process_cpu_seconds_total", "Total user and system CPU time spent in seconds.",
          MetricType::Counter, Scaled(Sum(stat.Field(14), stat.Field(15)), tick_seconds)},
      Row{"process_max_fds", "Maximum number of open file descriptors.", MetricType::Gauge,
          FindNumber(TextOf(self + "/limits"), "Max open files")},
      Row{"process_open_fds", "Number of open file descriptors.", MetricType::Gauge,
          CountDescriptors(self + "/fd")},
      Row{"process_resident_memory_bytes", "Resident memory size in bytes.", MetricType::Gauge,
          Scaled(stat.Field(24), page_bytes)},
      Row{"process_start_time_seconds", "Start time of the process since unix epoch in seconds.",
          MetricType::Gauge, start_time},
      Row{"process_threads", "Number of OS threads in the process.", MetricType::Gauge,
          stat.Field(20)},
      Row{"process_virtual_memory_bytes", "Virtual memory size in bytes.", MetricType::Gauge,
          stat.Field(23)},
  };
  for (const Row& row : rows) {
    if (!row.value) continue;
    if (row.type == MetricType::Counter) {
      FamilyWriter::Counter(families, row.name, row.help, start_time.value_or(0)).Add(*row.value);
    } else {
      FamilyWriter::Gauge(families, row.name, row.help).Add(*row.value);
    }
  }
}

}  // namespace cnproc
