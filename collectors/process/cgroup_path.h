// SPDX-License-Identifier: Apache-2.0
// Who runs in a cgroup, derived from its path alone: a container, a pod, a systemd unit.
// Pure, thread safe, linear in the length of the text, whatever the text holds.
#ifndef CNPROC_COLLECTORS_PROCESS_CGROUP_PATH_H_
#define CNPROC_COLLECTORS_PROCESS_CGROUP_PATH_H_

#include <optional>
#include <string>
#include <string_view>

namespace cnproc {

// Empty where the path does not say it: nothing is ever guessed. The strings are parts of the path,
// which may hold any bytes but '/' and new line.
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
// own, then the others. A line that names a container beats one that names only a unit, and the
// deeper path beats the others: hybrid hosts keep the processes of a container in the runtime's
// unit on the unified side, and those of a container within a container in the outer container. A
// component of 64 hexadecimal digits, with any prefix, is a container, whatever stands above it.
// `kubelet_runtime` is the runtime of containers under kubelet's plain paths, which do not name it.
CgroupIdentity IdentifyCgroup(std::string_view text, std::string_view kubelet_runtime);

// The same for one path, "/system.slice/cron.service".
CgroupIdentity IdentifyCgroupPath(std::string_view path, std::string_view kubelet_runtime);

// Whose limit the limit of this very group is: the unit's or container's that the group is or is a
// part of; for the group of a pod "pod://UID", with the runtime "pod"; for any other group the
// slice, as a unit ("user-1000.slice", "kubepods-burstable.slice"). Empty for the root, which has
// no limit.
CgroupIdentity IdentifyLimit(std::string_view path, std::string_view kubelet_runtime);

// The path of the first line, in the order of IdentifyCgroup, that says more than "/"; empty if
// none does. The operator's rules match it: on hosts with one hierarchy it is what IdentifyCgroup
// reads.
std::string_view MainCgroupPath(std::string_view text);

// Whether there are lines of v1's hierarchies and all of them say the root. They also do for a
// process that is about to end, wherever it was (kernel/cgroup/cgroup.c: proc_cgroup_show).
bool IsV1Root(std::string_view text);

// Where a process is charged by the pids controller. A view into the text given.
struct PidsCgroup {
  bool unified = false;   // of the v2 hierarchy, else of v1's pids controller
  std::string_view path;  // the process's own group, begins with '/'
};

std::optional<PidsCgroup> FindPidsCgroup(std::string_view text);

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PROCESS_CGROUP_PATH_H_
