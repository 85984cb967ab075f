// SPDX-License-Identifier: Apache-2.0
// Who runs in a cgroup, told by its path alone: a container, a pod, a systemd unit.
// Pure, thread safe, linear in the length of the text, whatever the text holds.
#ifndef CNPROC_COLLECTORS_PROCESS_CGROUP_PATH_H_
#define CNPROC_COLLECTORS_PROCESS_CGROUP_PATH_H_

#include <optional>
#include <string>
#include <string_view>

namespace cnproc {

// Empty means "the path does not tell": nothing is ever guessed. The strings hold what the path
// held, that is any bytes but '/' and new line.
struct CgroupIdentity {
  // As kube-state-metrics writes it, "containerd://<64 hex digits>": of the innermost container.
  std::string container_id;
  std::string runtime;  // the scheme of container_id
  std::string pod_uid;  // only together with container_id
  // The unit of the host's systemd, as node_exporter names it, but names that are made anew for
  // every login, connection or run are folded to one each, so that their number stays bounded.
  std::string unit;

  friend bool operator==(const CgroupIdentity&, const CgroupIdentity&) = default;
};

// `text` is the content of /proc/PID/cgroup. The unified hierarchy is asked first, then systemd's
// own, then the others; a line that tells of a container beats one that tells only of a unit, and
// one that leads deeper the others, because hybrid hosts keep runtimes' processes in the runtime's
// own unit on the unified side, and those of a container within a container in the outer one.
// A component of 64 hexadecimal digits, with any prefix, is a container, whatever stands above it.
// `kubelet_runtime` is who runs the containers of kubelet's plain paths, which do not tell.
CgroupIdentity IdentifyCgroup(std::string_view text, std::string_view kubelet_runtime);

// The same for one path, "/system.slice/cron.service".
CgroupIdentity IdentifyCgroupPath(std::string_view path, std::string_view kubelet_runtime);

// For whom the limit of this very group stands: the unit or container that it is or is part of; of
// a pod's group "pod://UID", with the runtime "pod"; of any other group the slice, as a unit
// ("user-1000.slice", "kubepods-burstable.slice"). Empty for the root, which has no limit.
CgroupIdentity IdentifyLimit(std::string_view path, std::string_view kubelet_runtime);

// The path of the line that is asked first and says more than "/"; empty if none does. For rules of
// the operator's: it is what IdentifyCgroup reads on hosts with one hierarchy.
std::string_view MainCgroupPath(std::string_view text);

// Whether all lines of v1's hierarchies, and there are some, say the root: so they do for a process
// that is about to end, wherever it is (kernel/cgroup/cgroup.c: proc_cgroup_show).
bool IsV1Root(std::string_view text);

// Where a process is charged by the pids controller. A view into the text given.
struct PidsCgroup {
  bool unified = false;   // of the v2 hierarchy, else of v1's pids controller
  std::string_view path;  // the process's own group, begins with '/'
};

std::optional<PidsCgroup> FindPidsCgroup(std::string_view text);

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PROCESS_CGROUP_PATH_H_
