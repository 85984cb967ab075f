// SPDX-License-Identifier: Apache-2.0
#include "collectors/wait_status.h"

#include <algorithm>
#include <csignal>
#include <cstring>

namespace cnproc {
namespace {

std::array<std::string, kSignalKinds> MakeNames() {
  std::array<std::string, kSignalKinds> names;
  for (size_t kind = 0; kind + 1 < kSignalKinds; ++kind) {
    const char* name = sigabbrev_np(static_cast<int>(kind) + 1);
    names[kind] = std::string("SIG") + (name != nullptr ? name : std::to_string(kind + 1));
  }
  names.back() = "realtime";
  return names;
}

}  // namespace

const std::string& SignalKindName(size_t kind) {
  static const std::array<std::string, kSignalKinds> kNames = MakeNames();
  return kNames[std::min(kind, kSignalKinds - 1)];
}

bool DumpsCore(uint8_t signal) {
  constexpr std::array kDumping = {SIGQUIT, SIGILL,  SIGTRAP, SIGABRT, SIGBUS,
                                   SIGFPE,  SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS};
  return std::find(kDumping.begin(), kDumping.end(), signal) != kDumping.end();
}

}  // namespace cnproc
