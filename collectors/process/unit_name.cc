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

// How many bytes separate two words of a name at the beginning of this text.
size_t SeparatorSize(std::string_view text) {
  if (text.empty()) return 0;
  if (std::string_view("-._:@").find(text.front()) != std::string_view::npos) return 1;
  return text.starts_with("\\x2d") ? 4 : 0;
}

// Of a UUID at the beginning of the text, whatever stands for its dashes; 0 if there is none.
size_t UuidSize(std::string_view text) {
  std::string_view rest = text;
  static constexpr std::array<size_t, 5> kGroups = {8, 4, 4, 4, 12};
  for (size_t i = 0; i < kGroups.size(); ++i) {
    if (i > 0) {
      const size_t dash = SeparatorSize(rest);
      if (dash == 0) return 0;
      rest.remove_prefix(dash);
    }
    const std::string_view group = rest.substr(0, kGroups[i]);
    if (group.size() < kGroups[i] || !std::all_of(group.begin(), group.end(), IsHexDigit)) return 0;
    rest.remove_prefix(group.size());
  }
  return rest.empty() || SeparatorSize(rest) > 0 ? text.size() - rest.size() : 0;
}

// What is taken for an id beside UUIDs.
struct IdRules {
  size_t min_hex;  // hexadecimal digits from this number on, if one is a digit
  bool numbers;    // numbers, and words that look random
};
// Scopes are made by programs while they run: their numbers are process ids and counters.
constexpr IdRules kScopeRules = {.min_hex = 8, .numbers = true};
// A machine called web-01 is always the same; OpenStack's instance-0000001a is not.
constexpr IdRules kMachineRules = {.min_hex = 8, .numbers = false};
constexpr IdRules kStaticRules = {.min_hex = 32, .numbers = false};

bool IsId(std::string_view word, const IdRules& rules) {
  const auto digits = static_cast<size_t>(std::count_if(word.begin(), word.end(), IsDigit));
  if (digits == 0) return false;
  if (word.size() >= rules.min_hex && std::all_of(word.begin(), word.end(), IsHexDigit)) {
    return true;
  }
  if (!rules.numbers) return false;
  // BuildKit's are 25 digits of base 36 (identity/randomid.go).
  constexpr size_t kMinRandom = 20;
  constexpr size_t kMinRandomDigits = 3;
  return digits == word.size() || (word.size() >= kMinRandom && digits >= kMinRandomDigits &&
                                   std::all_of(word.begin(), word.end(), IsAlphanumeric));
}

// buildah-buildah3151892432
std::string_view WithoutLongNumber(std::string_view word) {
  constexpr size_t kMinDigits = 5;
  size_t begin = word.size();
  while (begin > 0 && IsDigit(word[begin - 1])) --begin;
  return word.size() - begin >= kMinDigits ? word.substr(0, begin) : word;
}

// Removes every word that is an id, with the separator before it. A name without one stays as it
// is.
std::string RemoveIds(std::string_view whole_name, const IdRules& rules) {
  std::string_view name = whole_name;
  std::string result;
  bool removed = false;
  std::string_view separator;
  while (!name.empty()) {
    if (const size_t size = SeparatorSize(name); size > 0) {
      if (separator.empty()) separator = name.substr(0, size);
      name.remove_prefix(size);
      continue;
    }
    size_t size = UuidSize(name);
    std::string_view word;
    if (size == 0) {
      while (size < name.size() && SeparatorSize(name.substr(size)) == 0) ++size;
      word = name.substr(0, size);
      if (IsId(word, rules)) word = {};
      if (rules.numbers) word = WithoutLongNumber(word);
    }
    removed |= word.size() < size;
    name.remove_prefix(size);
    if (word.empty()) continue;
    if (!result.empty()) result += separator;
    result += word;
    separator = {};
  }
  return removed ? result : std::string(whole_name);
}

std::string FoldScope(std::string_view name, std::string_view slice) {
  if (name.starts_with("session-")) return "session.scope";
  if (name.starts_with("run-")) return "run.scope";
  // Several slurmd of a host call theirs NODE_slurmstepd.
  if (name.ends_with("_slurmstepd")) return "slurmstepd.scope";
  // snapd: "snap.NAME.PROGRAM-UUID", ".UUID" in older ones, for hooks too.
  if (std::string_view snap = name; ConsumePrefix(snap, "snap.") && !snap.empty()) {
    return "snap." + std::string(snap.substr(0, snap.find('.'))) + ".scope";
  }
  std::string folded;
  if (std::string_view machine = name; ConsumePrefix(machine, "machine-")) {
    ConsumeLibvirtNumber(machine);
    folded = RemoveIds(machine, kMachineRules);
    folded = folded.empty() ? "machine" : "machine-" + folded;
  } else {
    folded = RemoveIds(name, kScopeRules);
  }
  // Proxmox's virtual machines are /qemu.slice/NUMBER.scope.
  if (folded.empty() && slice != "system.slice" && slice != "user.slice") {
    std::string_view stem = slice;
    if (ConsumeSuffix(stem, ".slice")) folded = RemoveIds(stem, kScopeRules);
  }
  return (folded.empty() ? "id" : folded) + ".scope";
}

std::string FoldService(std::string_view name) {
  if (name.starts_with("run-")) return "run.service";
  const size_t at = name.find('@');
  if (at == std::string_view::npos) {
    // podman's health checks are called by the container's id, newer ones with a random one after
    // it.
    std::string folded = RemoveIds(name, kStaticRules);
    if (folded != name) folded = RemoveIds(folded, kMachineRules);
    return (folded.empty() ? "id" : folded) + ".service";
  }
  const std::string_view instance = name.substr(at + 1);
  std::string_view bus = name.substr(0, at);
  // dbus-broker: "dbus-:1.2-NAME@5", both numbers count up.
  if (ConsumePrefix(bus, "dbus-:") && ConsumeDigits(bus) && ConsumePrefix(bus, ".") &&
      ConsumeDigits(bus) && bus.starts_with("-")) {
    return "dbus" + std::string(bus) + "@.service";
  }
  if (name.starts_with("systemd-coredump@") || IsConnectionInstance(instance)) {
    return std::string(name.substr(0, at + 1)) + ".service";
  }
  return std::string(name) + ".service";
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

bool ConsumeLibvirtNumber(std::string_view& name) {
  std::string_view rest = name;
  const auto consume_dash = [&rest] {
    return ConsumePrefix(rest, "\\x2d") || ConsumePrefix(rest, "-");
  };
  const bool matched = (ConsumePrefix(rest, "qemu") || ConsumePrefix(rest, "lxc")) &&
                       consume_dash() && ConsumeDigits(rest) && consume_dash() && !rest.empty();
  if (matched) name = rest;
  return matched;
}

std::string FoldUnitName(std::string_view unit, std::string_view slice) {
  std::string_view name = unit;
  if (ConsumeSuffix(name, ".scope")) return FoldScope(name, slice);
  if (ConsumeSuffix(name, ".service")) return FoldService(name);
  return std::string(unit);
}

std::string FoldSliceName(std::string_view slice) {
  ConsumeSuffix(slice, ".slice");
  const std::string folded = RemoveIds(slice, kStaticRules);
  return (folded.empty() ? "-" : folded) + ".slice";
}

std::string NestSlice(std::string_view parent, std::string_view component) {
  const std::string folded = RemoveIds(component, kScopeRules);
  std::string name(parent);
  // systemd allows a name no more.
  constexpr size_t kMaxName = 249;
  if (folded.empty() || name.size() + 1 + folded.size() > kMaxName) return name;
  if (!name.empty()) name += '-';
  return name + folded;
}

}  // namespace cnproc
