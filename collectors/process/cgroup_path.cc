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

struct Engine {
  std::string_view name;
  std::string_view runtime;
};

// Who puts such a prefix before an id. runc names a scope PREFIX-ID.scope; asked to do without
// systemd it makes SLICE:PREFIX:ID of it. Kata's (kata_ID) does not tell its engine.
constexpr std::array<Engine, 6> kPrefixes = {{{"docker", "docker"},
                                              {"cri-containerd", "containerd"},
                                              {"nerdctl", "containerd"},
                                              {"crio", "cri-o"},
                                              {"libpod", "podman"},
                                              {"libpod-payload", "podman"}}};
// Whose groups are right below. containerd's parent is its namespace: "default" is nerdctl's and
// ctr's, "k8s.io" kubelet's.
constexpr std::array<Engine, 5> kEngineParents = {{{"docker", "docker"},
                                                   {"moby", "docker"},
                                                   {"default", "containerd"},
                                                   {"k8s.io", "containerd"},
                                                   {"kata_overhead", "containerd"}}};
constexpr std::array<Engine, 2> kUnits = {
    {{"containerd.service", "containerd"}, {"crio.service", "cri-o"}}};

// Empty if none of them.
template <size_t kSize>
std::string_view RuntimeOf(const std::array<Engine, kSize>& engines, std::string_view name) {
  const auto found = std::find_if(engines.begin(), engines.end(),
                                  [name](const Engine& engine) { return engine.name == name; });
  return found == engines.end() ? std::string_view() : found->runtime;
}

// A component that ends with an id, and what stands before it.
struct NamedId {
  std::string_view engine;  // empty for the bare id
  std::string_view id;
};

std::optional<NamedId> MatchId(std::string_view component) {
  ConsumeSuffix(component, ".scope");
  constexpr size_t kIdSize = 64;
  if (component.size() < kIdSize) return std::nullopt;
  const std::string_view id = component.substr(component.size() - kIdSize);
  if (!IsContainerId(id)) return std::nullopt;
  std::string_view prefix = component.substr(0, component.size() - kIdSize);
  if (prefix.empty()) return NamedId{{}, id};
  if (std::string_view("-_:.").find(prefix.back()) == std::string_view::npos) return std::nullopt;
  prefix.remove_suffix(1);
  prefix.remove_prefix(prefix.rfind(':') + 1);
  return NamedId{prefix, id};
}

bool IsMachineSlice(std::string_view component) {
  return component == "machine.slice" ||
         (component.starts_with("machine-") && component.ends_with(".slice"));
}

std::optional<ContainerName> MatchNspawn(std::string_view component, std::string_view parent) {
  if (!IsMachineSlice(parent)) return std::nullopt;
  const bool matched =
      (ConsumePrefix(component, "machine-") && ConsumeSuffix(component, ".scope")) ||
      (ConsumePrefix(component, "systemd-nspawn@") && ConsumeSuffix(component, ".service"));
  if (!matched || component.empty()) return std::nullopt;
  // libvirt's are virtual machines.
  if (std::string_view machine = component; ConsumeLibvirtNumber(machine)) return std::nullopt;
  return ContainerName{"nspawn", component, true};
}

std::optional<ContainerName> MatchLxc(std::string_view component, std::string_view parent) {
  const bool below = parent == "lxc" || parent == "lxc.payload";
  if (!ConsumePrefix(component, "lxc.payload.") && !below) return std::nullopt;
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
  // "kubelet-kubepods", and "kata_kubepods" by Kata.
  if (!ConsumeSuffix(group, "kubepods")) return {};
  if (!group.empty() && group.back() != '-' && group.back() != '_') return {};
  const std::string_view uid = component.substr(std::min(pod + 4, component.size()));
  return IsPodUid(uid) ? uid : std::string_view();
}

// A container's monitor outside of it (crio-conmon-ID, libpod-conmon-ID): neither a container nor
// worth a unit for each.
bool IsMonitor(std::string_view engine) {
  return engine.ends_with("conmon") || engine.ends_with("conmonrs");
}

// A step of BuildKit's (docker-<25 digits of base 36>.scope): one for each line of a Dockerfile.
bool IsBuildStep(std::string_view component) {
  constexpr size_t kStepIdSize = 25;
  if (!ConsumeSuffix(component, ".scope")) return false;
  if (!ConsumePrefix(component, "docker-") && !ConsumePrefix(component, "buildkit-")) return false;
  return component.size() == kStepIdSize &&
         std::all_of(component.begin(), component.end(), IsAlphanumeric);
}

// What a path told, as views into it.
struct PathReading {
  std::optional<ContainerName> container;
  std::string_view pod_uid;
  std::string_view unit;        // not folded
  std::string_view unit_slice;  // the component above it
  // How deep: containers on the way, and components up to the innermost of them.
  size_t containers = 0;
  size_t depth = 0;
};

// Reads a path from left to right, one component at a time.
class PathReader {
 public:
  PathReading Read(std::string_view path) {
    for (size_t begin = 0; begin < path.size();) {
      const size_t end = std::min(path.find('/', begin), path.size());
      if (end > begin) Step(path.substr(begin, end - begin));
      begin = end + 1;
    }
    return reading_;
  }

 private:
  void Step(std::string_view component) {
    ++depth_;
    const std::string_view pod_uid = MatchPod(component, parent_);
    under_pod_ = parent_is_pod_;
    parent_is_pod_ = !pod_uid.empty();
    if (parent_is_pod_) reading_.pod_uid = pod_uid;

    const std::optional<NamedId> named = MatchId(component);
    const bool monitor = named && IsMonitor(named->engine);
    const std::optional<ContainerName> container =
        monitor ? std::nullopt : MatchContainer(component, named);
    if (container) {
      reading_.container = container;
      ++reading_.containers;
      reading_.depth = depth_;
    }
    const bool is_scope_of_container = container && component.ends_with(".scope");
    if (before_unit_) {
      ReadUnit(component, monitor || is_scope_of_container || IsBuildStep(component));
    }
    parent_ = component;
  }

  std::optional<ContainerName> MatchContainer(std::string_view component,
                                              const std::optional<NamedId>& named) const {
    if (std::optional<ContainerName> container = MatchNspawn(component, parent_)) return container;
    if (std::optional<ContainerName> container = MatchLxc(component, parent_)) return container;
    // podman's pods, where systemd does not make slices of them.
    if (!named || (named->engine.empty() && parent_ == "libpod_parent")) return std::nullopt;
    return ContainerName{RuntimeOfId(named->engine), named->id};
  }

  // Docker is what most likely runs a container of which nothing tells (/ecs/TASK/ID and every
  // --cgroup-parent). Empty: kubelet's.
  std::string_view RuntimeOfId(std::string_view engine) const {
    if (const std::string_view runtime = RuntimeOf(kPrefixes, engine); !runtime.empty()) {
      return runtime;
    }
    if (under_pod_) return {};
    if (const std::string_view runtime = RuntimeOf(kEngineParents, parent_); !runtime.empty()) {
      return runtime;
    }
    const std::string_view runtime = RuntimeOf(kUnits, reading_.unit);
    if (!runtime.empty()) return runtime;
    return engine == "kata" ? "containerd" : "docker";
  }

  // The unit is the first component below the slices; whatever follows is the unit's own affair.
  // ".." leads out of the reader's cgroup namespace.
  void ReadUnit(std::string_view component, bool is_no_unit) {
    if (component == ".." || component.ends_with(".slice")) return;
    before_unit_ = false;
    // systemd escapes what would collide with the kernel's own files.
    ConsumePrefix(component, "_");
    if (is_no_unit || !IsUnitName(component)) return;
    reading_.unit = component;
    reading_.unit_slice = parent_;
  }

  PathReading reading_;
  std::string_view parent_;
  size_t depth_ = 0;
  bool parent_is_pod_ = false;
  bool under_pod_ = false;
  bool before_unit_ = true;
};

// Of two hierarchies' paths the one that leads into the innermost container.
bool IsDeeper(const PathReading& a, const PathReading& b) {
  return a.containers != b.containers ? a.containers > b.containers : a.depth > b.depth;
}

CgroupIdentity ToIdentity(const PathReading& reading, std::string_view kubelet_runtime) {
  CgroupIdentity identity;
  if (!reading.unit.empty()) identity.unit = FoldUnitName(reading.unit, reading.unit_slice);
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

// The slice whose limit it is. Groups of those who do without systemd are named as it would.
std::string SliceOf(std::string_view path) {
  std::string slice;
  while (!path.empty()) {
    const std::string_view component = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(component.size() + 1, path.size()));
    std::string_view stem = component;
    if (ConsumeSuffix(stem, ".slice")) {
      slice = stem;
    } else if (component != "..") {
      slice = NestSlice(slice, component);
    }
  }
  return slice.empty() ? slice : FoldSliceName(slice + ".slice");
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
  std::optional<PathReading> innermost;
  std::optional<PathReading> only_unit;
  for (int rank = 0; rank < 3; ++rank) {
    std::string_view rest = text;
    while (const std::optional<Line> line = ConsumeLine(rest)) {
      if (Rank(*line) != rank) continue;
      const PathReading reading = PathReader().Read(line->path);
      if (reading.container && (!innermost || IsDeeper(reading, *innermost))) innermost = reading;
      if (!reading.unit.empty() && !only_unit) only_unit = reading;
    }
  }
  if (innermost) return ToIdentity(*innermost, kubelet_runtime);
  return only_unit ? ToIdentity(*only_unit, kubelet_runtime) : CgroupIdentity();
}

CgroupIdentity IdentifyCgroupPath(std::string_view path, std::string_view kubelet_runtime) {
  ConsumeSuffix(path, " (deleted)");
  return ToIdentity(PathReader().Read(path), kubelet_runtime);
}

CgroupIdentity IdentifyLimit(std::string_view path, std::string_view kubelet_runtime) {
  const PathReading reading = PathReader().Read(path);
  CgroupIdentity identity = ToIdentity(reading, kubelet_runtime);
  if (!reading.container && !reading.pod_uid.empty()) {
    identity.runtime = "pod";
    identity.pod_uid = reading.pod_uid;
    std::replace(identity.pod_uid.begin(), identity.pod_uid.end(), '_', '-');
    identity.container_id = "pod://" + identity.pod_uid;
  }
  if (identity.unit.empty() && identity.container_id.empty()) identity.unit = SliceOf(path);
  return identity;
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
  return PidsCgroup{.unified = found->unified, .path = found->path};
}

}  // namespace cnproc
