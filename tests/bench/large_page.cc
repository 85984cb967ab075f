// SPDX-License-Identifier: Apache-2.0
// What a page of 10,000 samples costs in every format: hundreds of programs are made known to a
// real exporter, then it is scraped. Nothing here passes or fails. As root, on a quiet machine.
#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

#include "tests/e2e/harness/exporter.h"
#include "tests/e2e/harness/machine.h"

namespace cnproc::e2e {
namespace {

constexpr size_t kSamples = 10000;
constexpr int kScrapes = 1000;

struct FormatCase {
  const char* name;
  const char* accept;
  const char* accept_encoding;
};

constexpr FormatCase kFormats[] = {
    {"text", "text/plain", ""},
    {"text, gzip", "text/plain", "gzip"},
    {"OpenMetrics", "application/openmetrics-text", ""},
    {"protobuf",
     "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
     ""},
};

// Starts programs with names of their own until the page has enough samples; returns how many.
size_t Enlarge(const Exporter& exporter, const TempFolder& folder) {
  for (int next = 0; exporter.Scrape().values().size() < kSamples;) {
    for (const int end = next + 5; next < end; ++next) {
      const std::string program = folder.Path("prog-" + std::to_string(next));
      std::filesystem::copy_file("/bin/true", program);
      RunProgram({program});
    }
  }
  return exporter.Scrape().values().size();
}

void Measure(const Exporter& exporter, const FormatCase& format) {
  const HttpRequest request = {
      .headers = {{"Accept", format.accept}, {"Accept-Encoding", format.accept_encoding}}};
  const size_t bytes = exporter.Get(request).body.size();
  std::vector<double> milliseconds_each;
  milliseconds_each.reserve(kScrapes);
  const double cpu_before = UsageOf(exporter.pid()).cpu_seconds;
  for (int i = 0; i < kScrapes; ++i) {
    const std::chrono::duration<double, std::milli> taken = TimeOf(exporter.port(), request);
    milliseconds_each.push_back(taken.count());
  }
  const double cpu = UsageOf(exporter.pid()).cpu_seconds - cpu_before;
  std::sort(milliseconds_each.begin(), milliseconds_each.end());
  std::cout << std::fixed << std::setprecision(2) << "  " << std::left << std::setw(13)
            << format.name << std::right << std::setw(8) << bytes << " bytes  p50 "
            << milliseconds_each[kScrapes / 2] << " ms  p99 "
            << milliseconds_each[kScrapes * 99 / 100] << " ms  CPU " << cpu * 1e3 / kScrapes
            << " ms\n";
}

std::string PeakResident(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return line.substr(line.find_first_not_of(" \t", 6));
  }
  return "unknown";
}

void Bench() {
  const TempFolder folder;
  const Exporter exporter({.flags = {"--collector.program.limit=5000"}});
  std::cout << Enlarge(exporter, folder) << " samples, " << kScrapes << " scrapes each\n";
  for (const FormatCase& format : kFormats) Measure(exporter, format);
  std::cout << "  peak resident " << PeakResident(exporter.pid()) << '\n';
}

}  // namespace
}  // namespace cnproc::e2e

int main() {
  try {
    cnproc::e2e::Bench();
  } catch (const std::exception& error) {
    std::cerr << "cnproc_large_page_bench: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
