// SPDX-License-Identifier: Apache-2.0
#include "collectors/process/unit_name.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "collectors/base/text_scan.h"

namespace cnproc {
namespace {

// Whether the instance is that of an accepted connection (systemd.socket(5), Accept=yes): a serial
// number, then "pid-uid" (newer systemd "pid_pidfd-uid"), "unknown", or both ends' addresses.
bool IsConnectionInstance(std::string_view instance) {
  if (!ConsumeDigits(instance) || !ConsumePrefix(instance, "-")) return false;
  if (instance == "unknown") return true;
  std::string_view peer = instance;
  if (ConsumeDigits(peer) && (!ConsumePrefix(peer, "_") || ConsumeDigits(peer)) &&
      ConsumePrefix(peer, "-") && ConsumeDigits(peer) && peer.empty()) {
    return true;
  }
  const size_t dash = instance.rfind('-');
  return dash != std::string_view::npos &&
         instance.substr(0, dash).find(':') != std::string_view::npos &&
         instance.substr(dash).find(':') != std::string_view::npos;
}

}  // namespace

bool IsUnitName(std::string_view name) {
  if (name.size() > 255) return false;
  static constexpr std::array<std::string_view, 5> kTypes = {".service", ".scope", ".socket",
                                                             ".mount", ".swap"};
  if (std::none_of(kTypes.begin(), kTypes.end(),
                   [&](std::string_view type) { return ConsumeSuffix(name, type); })) {
    return false;
  }
  return !name.empty() && name.front() != '@' && std::all_of(name.begin(), name.end(), [](char c) {
    return IsAlphanumeric(c) || std::string_view(":-_.\\@").find(c) != std::string_view::npos;
  });
}

std::string FoldUnitName(std::string_view unit) {
  if (unit.starts_with("session-") && unit.ends_with(".scope")) return "session.scope";
  if (unit.starts_with("run-") && unit.ends_with(".scope")) return "run.scope";
  if (unit.starts_with("run-") && unit.ends_with(".service")) return "run.service";
  const size_t at = unit.find('@');
  const size_t dot = unit.rfind('.');
  if (at == std::string_view::npos || dot < at) return std::string(unit);
  if (!unit.starts_with("systemd-coredump@") &&
      !IsConnectionInstance(unit.substr(at + 1, dot - at - 1))) {
    return std::string(unit);
  }
  std::string folded(unit.substr(0, at + 1));
  folded += unit.substr(dot);
  return folded;
}

}  // namespace cnproc
