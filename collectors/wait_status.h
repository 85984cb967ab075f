// SPDX-License-Identifier: Apache-2.0
// How a process ended, by its wait status (wait(2)), and the words for it. Pure, thread safe.
#ifndef CNPROC_COLLECTORS_WAIT_STATUS_H_
#define CNPROC_COLLECTORS_WAIT_STATUS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace cnproc {

enum class Outcome : uint8_t { kSuccess, kError, kSignal };
inline constexpr std::array<const char*, 3> kOutcomeNames = {"success", "error", "signal"};
inline constexpr std::array kOutcomesByName = {Outcome::kError, Outcome::kSignal,
                                               Outcome::kSuccess};

struct WaitStatus {
  explicit WaitStatus(uint32_t status)
      : code(static_cast<uint8_t>(status >> 8)),
        signal(static_cast<uint8_t>(status & 0x7f)),
        core_written((status & 0x80) != 0) {}

  Outcome outcome() const {
    if (signal != 0) return Outcome::kSignal;
    return code == 0 ? Outcome::kSuccess : Outcome::kError;
  }

  uint8_t code;
  uint8_t signal;  // 0 = none
  bool core_written;
};

// Signals 1 to 31 by number, then every real-time signal as one.
inline constexpr size_t kSignalKinds = 32;
inline size_t SignalKind(uint8_t signal) {
  return signal < kSignalKinds ? signal - size_t{1} : kSignalKinds - 1;
}
// As SIGSEGV, or realtime.
const std::string& SignalKindName(size_t kind);

// Whether the default action is to dump core (signal(7)).
bool DumpsCore(uint8_t signal);

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_WAIT_STATUS_H_
