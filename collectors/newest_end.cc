// SPDX-License-Identifier: Apache-2.0
#include "collectors/newest_end.h"

#include <string>
#include <utility>

#include "collectors/base/time.h"

namespace cnproc {
namespace {

constexpr double kMsPerSecond = 1e3;
// All labels of an exemplar together have at most 128 characters, their names included: this leaves
// room for "program", "pid" and a pid.
constexpr size_t kMaxProgramBytes = 100;

// Cut between two characters of UTF-8.
std::string Shortened(const std::string& text) {
  if (text.size() <= kMaxProgramBytes) return text;
  size_t end = kMaxProgramBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end);
}

}  // namespace

void NewestEnd::Set(const Change& end, double value, const Identities& identities) {
  value_ = value;
  unix_time_ns_ = end.timestamp_ns + identities.unix_offset_ns();
  pid_ = end.process->tgid;
  program_ = end.process->values[Dimension::kProgram];
  generation_ = identities.values(Dimension::kProgram).generation(program_);
}

std::optional<Exemplar> NewestEnd::At(const Identities& identities) const {
  if (pid_ == 0) return std::nullopt;
  // Prometheus keeps milliseconds.
  const int64_t unix_time_ms = unix_time_ns_ / kNsPerMs;
  Exemplar exemplar{.labels = {{"pid", std::to_string(pid_)}},
                    .value = value_,
                    .timestamp_seconds = static_cast<double>(unix_time_ms) / kMsPerSecond};
  const LabelValues& programs = identities.values(Dimension::kProgram);
  if (program_ != kNoValue && programs.generation(program_) == generation_) {
    exemplar.labels.push_back({"program", Shortened(programs.value(program_).text)});
  }
  return exemplar;
}

}  // namespace cnproc
