// SPDX-License-Identifier: Apache-2.0
#include "collectors/process/cgroup_path.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "collectors/base/text_scan.h"
#include "collectors/process/unit_name.h"

namespace cnproc {
namespace {

bool IsContainerId(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), IsHexDigit);
}

// A UUID, or the 32 hex digits of a static pod's manifest; '_' stands for '-' in slices.
bool IsPodUid(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return IsAlphanumeric(c) || c == '-' || c == '_';
  });
}

int HexValue(char c) { return IsDigit(c) ? c - '0' : IsHexDigit(c) ? c - 'a' + 10 : -1; }

// Undoes systemd-escape(1) for a name that had no '/': \x2d stands for '-'.
std::string Unescape(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && text[i + 1] == 'x' &&
        HexValue(text[i + 2]) >= 0 && HexValue(text[i + 3]) >= 0) {
      result += static_cast<char>(HexValue(text[i + 2]) * 16 + HexValue(text[i + 3]));
      i += 3;
    } else {
      result += text[i];
    }
  }
  return result;
}

// What one component says. The views are parts of the path, the runtime lives as long as the
// program (empty: kubelet's).
struct ContainerName {
  std::string_view runtime;
  std::string_view name;
  bool escaped = false;
};

struct Prefix {
  std::string_view text;
  std::string_view runtime;
};

// runc names a scope PREFIX-ID.scope; asked to do without systemd it makes SLICE:PREFIX:ID of it.
constexpr std::array<Prefix, 4> kScopePrefixes = {{{"docker", "docker"},
                                                   {"cri-containerd", "containerd"},
                                                   {"crio", "cri-o"},
                                                   {"libpod", "podman"}}};
constexpr std::array<Prefix, 3> kPlainPrefixes = {
    {{"crio-", "cri-o"}, {"libpod-", "podman"}, {"libpod-payload-", "podman"}}};

std::optional<ContainerName> MatchScope(std::string_view component) {
  if (!ConsumeSuffix(component, ".scope")) return std::nullopt;
  for (const Prefix& prefix : kScopePrefixes) {
    std::string_view id = component;
    if (ConsumePrefix(id, prefix.text) && ConsumePrefix(id, "-") && IsContainerId(id)) {
      return ContainerName{prefix.runtime, id};
    }
  }
  return std::nullopt;
}

std::optional<ContainerName> MatchPlain(std::string_view component) {
  for (const Prefix& prefix : kPlainPrefixes) {
    std::string_view id = component;
    if (ConsumePrefix(id, prefix.text) && IsContainerId(id)) {
      return ContainerName{prefix.runtime, id};
    }
  }
  const size_t colon = component.rfind(':');
  if (colon == std::string_view::npos || !IsContainerId(component.substr(colon + 1))) {
    return std::nullopt;
  }
  for (const Prefix& prefix : kScopePrefixes) {
    std::string_view slice = component.substr(0, colon);
    if (ConsumeSuffix(slice, prefix.text) && slice.ends_with(":")) {
      return ContainerName{prefix.runtime, component.substr(colon + 1)};
    }
  }
  return std::nullopt;
}

bool IsMachineSlice(std::string_view component) {
  return component == "machine.slice" ||
         (component.starts_with("machine-") && component.ends_with(".slice"));
}

// libvirt registers "qemu-1-NAME" and "lxc-1-NAME" with systemd-machined: no nspawn containers.
bool IsLibvirtMachine(std::string_view name) {
  for (const std::string_view driver : {"qemu", "lxc"}) {
    std::string_view rest = name;
    if (ConsumePrefix(rest, driver) && (ConsumePrefix(rest, "\\x2d") || ConsumePrefix(rest, "-")) &&
        ConsumeDigits(rest) && (rest.starts_with("\\x2d") || rest.starts_with("-"))) {
      return true;
    }
  }
  return false;
}

std::optional<ContainerName> MatchNspawn(std::string_view component, std::string_view parent) {
  if (!IsMachineSlice(parent)) return std::nullopt;
  const bool matched =
      (ConsumePrefix(component, "machine-") && ConsumeSuffix(component, ".scope")) ||
      (ConsumePrefix(component, "systemd-nspawn@") && ConsumeSuffix(component, ".service"));
  if (!matched || component.empty() || IsLibvirtMachine(component)) return std::nullopt;
  return ContainerName{"nspawn", component, true};
}

std::optional<ContainerName> MatchLxc(std::string_view component, std::string_view parent) {
  if (!ConsumePrefix(component, "lxc.payload.") && parent != "lxc") return std::nullopt;
  if (component.empty()) return std::nullopt;
  return ContainerName{"lxc", component};
}

// The uid in kubelet's slice "kubepods-burstable-podUID.slice" (below another prefix where kubelet
// itself runs in a container) or in its cgroupfs directory "podUID". A slice may be followed by
// ":PREFIX:ID".
std::string_view MatchPod(std::string_view component, std::string_view parent) {
  if (ConsumePrefix(component, "pod")) {
    static constexpr std::array<std::string_view, 4> kParents = {"kubepods", "burstable",
                                                                 "besteffort", "guaranteed"};
    const bool in_kubepods = std::find(kParents.begin(), kParents.end(), parent) != kParents.end();
    return in_kubepods && IsPodUid(component) ? component : std::string_view();
  }
  component = component.substr(0, component.find(':'));
  const size_t pod = component.rfind("-pod");
  if (pod == std::string_view::npos || !ConsumeSuffix(component, ".slice")) return {};
  std::string_view group = component.substr(0, pod);
  ConsumeSuffix(group, "-burstable") || ConsumeSuffix(group, "-besteffort");
  if (!ConsumeSuffix(group, "kubepods") || (!group.empty() && group.back() != '-')) return {};
  const std::string_view uid = component.substr(std::min(pod + 4, component.size()));
  return IsPodUid(uid) ? uid : std::string_view();
}

// A container's monitor outside of it: neither a container nor worth a unit for each.
bool IsMonitor(std::string_view component) {
  return component.starts_with("crio-conmon-") || component.starts_with("libpod-conmon-");
}

// What a path told, as views into it.
struct PathReading {
  std::optional<ContainerName> container;
  std::string_view pod_uid;
  std::string_view unit;            // not folded
  std::string_view container_path;  // up to and with the container's component
  std::string_view unit_path;
};

// Reads a path from left to right, one component at a time.
class PathReader {
 public:
  PathReading Read(std::string_view path) {
    for (size_t begin = 0; begin < path.size();) {
      const size_t end = std::min(path.find('/', begin), path.size());
      if (end > begin) Step(path.substr(begin, end - begin), path.substr(0, end));
      begin = end + 1;
    }
    return reading_;
  }

 private:
  void Step(std::string_view component, std::string_view path) {
    const std::string_view pod_uid = MatchPod(component, parent_);
    const bool under_pod = parent_is_pod_;
    parent_is_pod_ = !pod_uid.empty();
    if (parent_is_pod_) reading_.pod_uid = pod_uid;

    bool is_scope_of_container = false;
    if (std::optional<ContainerName> container = MatchContainer(component, under_pod)) {
      is_scope_of_container = component.ends_with(".scope");
      reading_.container = container;
      reading_.container_path = path;
    }
    if (before_unit_) ReadUnit(component, path, is_scope_of_container);
    parent_ = component;
  }

  std::optional<ContainerName> MatchContainer(std::string_view component, bool under_pod) const {
    if (IsContainerId(component)) {
      if (parent_ == "docker") return ContainerName{"docker", component};
      if (under_pod) return ContainerName{"", component};
    }
    std::optional<ContainerName> container = MatchScope(component);
    if (!container) container = MatchPlain(component);
    if (!container) container = MatchNspawn(component, parent_);
    if (!container) container = MatchLxc(component, parent_);
    return container;
  }

  // The unit is the first component below the slices; whatever follows is the unit's own affair.
  // ".." leads out of the reader's cgroup namespace.
  void ReadUnit(std::string_view component, std::string_view path, bool is_scope_of_container) {
    if (component == ".." || component.ends_with(".slice")) return;
    before_unit_ = false;
    // systemd escapes what would collide with the kernel's own files.
    ConsumePrefix(component, "_");
    if (is_scope_of_container || IsMonitor(component) || !IsUnitName(component)) return;
    reading_.unit = component;
    reading_.unit_path = path;
  }

  PathReading reading_;
  std::string_view parent_;
  bool parent_is_pod_ = false;
  bool before_unit_ = true;
};

CgroupIdentity ToIdentity(const PathReading& reading, std::string_view kubelet_runtime) {
  CgroupIdentity identity;
  if (!reading.unit.empty()) identity.unit = FoldUnitName(reading.unit);
  if (!reading.container) return identity;
  const ContainerName& container = *reading.container;
  identity.runtime = container.runtime.empty() ? kubelet_runtime : container.runtime;
  identity.container_id = identity.runtime;
  identity.container_id += "://";
  if (container.escaped) {
    identity.container_id += Unescape(container.name);
  } else {
    identity.container_id += container.name;
  }
  identity.pod_uid = reading.pod_uid;
  std::replace(identity.pod_uid.begin(), identity.pod_uid.end(), '_', '-');
  return identity;
}

// One line of /proc/PID/cgroup, "ID:CONTROLLERS:PATH"; the path may hold colons.
struct Line {
  std::string_view controllers;
  std::string_view path;
  bool unified = false;
};

std::optional<Line> ConsumeLine(std::string_view& text) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t first = line.find(':');
    if (first == std::string_view::npos) continue;
    const size_t second = line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    Line result{.controllers = line.substr(first + 1, second - first - 1),
                .path = line.substr(second + 1)};
    result.unified = result.controllers.empty() && line.substr(0, first) == "0";
    // The group was removed while the process lived on.
    ConsumeSuffix(result.path, " (deleted)");
    return result;
  }
  return std::nullopt;
}

bool HasController(std::string_view controllers, std::string_view controller) {
  while (!controllers.empty()) {
    const size_t end = std::min(controllers.find(','), controllers.size());
    if (controllers.substr(0, end) == controller) return true;
    controllers.remove_prefix(std::min(end + 1, controllers.size()));
  }
  return false;
}

int Rank(const Line& line) { return line.unified ? 0 : line.controllers == "name=systemd" ? 1 : 2; }

}  // namespace

CgroupIdentity IdentifyCgroup(std::string_view text, std::string_view kubelet_runtime) {
  std::optional<PathReading> only_unit;
  for (int rank = 0; rank < 3; ++rank) {
    std::string_view rest = text;
    while (const std::optional<Line> line = ConsumeLine(rest)) {
      if (Rank(*line) != rank) continue;
      const PathReading reading = PathReader().Read(line->path);
      if (reading.container) return ToIdentity(reading, kubelet_runtime);
      if (!reading.unit.empty() && !only_unit) only_unit = reading;
    }
  }
  return only_unit ? ToIdentity(*only_unit, kubelet_runtime) : CgroupIdentity();
}

CgroupIdentity IdentifyCgroupPath(std::string_view path, std::string_view kubelet_runtime) {
  ConsumeSuffix(path, " (deleted)");
  return ToIdentity(PathReader().Read(path), kubelet_runtime);
}

std::string_view MainCgroupPath(std::string_view text) {
  for (int rank = 0; rank < 3; ++rank) {
    std::string_view rest = text;
    while (const std::optional<Line> line = ConsumeLine(rest)) {
      if (Rank(*line) == rank && line->path.size() > 1) return line->path;
    }
  }
  return {};
}

bool IsV1Root(std::string_view text) {
  bool has_v1 = false;
  while (const std::optional<Line> line = ConsumeLine(text)) {
    if (line->unified) continue;
    has_v1 = true;
    if (line->path != "/") return false;
  }
  return has_v1;
}

std::optional<PidsCgroup> FindPidsCgroup(std::string_view text) {
  std::optional<Line> found;
  while (const std::optional<Line> line = ConsumeLine(text)) {
    if (!line->path.starts_with("/")) continue;
    // A controller lives in one hierarchy only: where v1 has it, the unified one does not.
    if (HasController(line->controllers, "pids")) {
      found = line;
      break;
    }
    if (line->unified) found = line;
  }
  if (!found) return std::nullopt;
  const PathReading reading = PathReader().Read(found->path);
  return PidsCgroup{.unified = found->unified,
                    .path = found->path,
                    .unit_path = reading.unit_path,
                    .container_path = reading.container_path};
}

}  // namespace cnproc
