// SPDX-License-Identifier: Apache-2.0
#include "collectors/process/cgroup_path.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace cnproc {

void PrintTo(const CgroupIdentity& identity, std::ostream* out) {
  *out << "{container_id=" << identity.container_id << " runtime=" << identity.runtime
       << " pod_uid=" << identity.pod_uid << " unit=" << identity.unit << "}";
}

namespace {

// In the tables below ID and ID2 stand for container ids, UID for a pod's uid, U_I_D for the same
// as slices write it, STATIC for the uid of a static pod.
struct Placeholder {
  std::string_view name;
  std::string_view text;
};
constexpr Placeholder kPlaceholders[] = {
    {"TASK", "cd189a933e5849daa93386466019ab50"},
    {"ID2", "00aa00aa00aa00aa00aa00aa00aa00aa00aa00aa00aa00aa00aa00aa00aa00aa"},
    {"U_I_D", "3f0a9a4c_7d0e_4c1b_9e55_0d9b6f0d1c2a"},
    {"UID", "3f0a9a4c-7d0e-4c1b-9e55-0d9b6f0d1c2a"},
    {"STATIC", "4b3c5c2d1e0f9a8b7c6d5e4f3a2b1c0d"},
    {"ID", "1f2e3d4c5b6a798812345678901234567890abcdefabcdefabcdef1234567890"},
};

std::string Expand(std::string_view text) {
  std::string result(text);
  for (const Placeholder& placeholder : kPlaceholders) {
    for (size_t at; (at = result.find(placeholder.name)) != std::string::npos;) {
      result.replace(at, placeholder.name.size(), placeholder.text);
    }
  }
  return result;
}

struct PathCase {
  std::string_view path;
  std::string_view container_id;
  std::string_view pod_uid;
  std::string_view unit;
};

constexpr PathCase kPaths[] = {
    // Units of systemd.
    {"/", "", "", ""},
    {"", "", "", ""},
    {"/init.scope", "", "", "init.scope"},
    {"/system.slice/cron.service", "", "", "cron.service"},
    {"/system.slice/systemd-journald.service", "", "", "systemd-journald.service"},
    {"/system.slice/system-getty.slice/getty@tty1.service", "", "", "getty@tty1.service"},
    {"/system.slice/system-postgresql.slice/postgresql@15-main.service", "", "",
     "postgresql@15-main.service"},
    {"/system.slice/system-serial\\x2dgetty.slice/serial-getty@ttyS0.service", "", "",
     "serial-getty@ttyS0.service"},
    {"/system.slice/dbus.socket", "", "", "dbus.socket"},
    {"/system.slice/mnt-my\\x2ddisk.mount", "", "", "mnt-my\\x2ddisk.mount"},
    {"/-.slice/odd.service", "", "", "odd.service"},
    {"/system.slice/_cpuset.service", "", "", "cpuset.service"},
    {"/system.slice/__dunder.service", "", "", "_dunder.service"},
    {"/system.slice/cron.service (deleted)", "", "", "cron.service"},
    {"/system.slice/nginx.service/worker/1", "", "", "nginx.service"},
    {"/user.slice/user-1000.slice/session-12.scope", "", "", "session.scope"},
    {"/user.slice/user-0.slice/session-c2.scope", "", "", "session.scope"},
    {"/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-x-4711.scope", "", "",
     "user@1000.service"},
    {"/user.slice/user-1000.slice/user-runtime-dir@1000.service", "", "",
     "user-runtime-dir@1000.service"},
    {"/system.slice/run-r0123456789abcdef.scope", "", "", "run.scope"},
    {"/system.slice/run-u17.service", "", "", "run.service"},
    {"/system.slice/run-p123-i456.service", "", "", "run.service"},
    {"/system.slice/runner.service", "", "", "runner.service"},
    {"/system.slice/system-systemd\\x2dcoredump.slice/systemd-coredump@3-4711-0.service", "", "",
     "systemd-coredump@.service"},
    {"/system.slice/system-systemd\\x2dcoredump.slice/systemd-coredump@7-99_12-0.service", "", "",
     "systemd-coredump@.service"},
    {"/system.slice/system-echo.slice/echo@5-4711-1000.service", "", "", "echo@.service"},
    {"/system.slice/system-echo.slice/echo@5-4711_88-1000.service", "", "", "echo@.service"},
    {"/system.slice/system-echo.slice/echo@5-unknown.service", "", "", "echo@.service"},
    {"/system.slice/system-ssh.slice/ssh@4-192.0.2.1:22-192.0.2.9:51234.service", "", "",
     "ssh@.service"},
    {"/system.slice/system-ssh.slice/ssh@4-2001:db8::1:22-2001:db8::2:51234.service", "", "",
     "ssh@.service"},
    {"/system.slice/lvm2-pvscan@8:2.service", "", "", "lvm2-pvscan@8:2.service"},
    {"/system.slice/backup@2024-01.service", "", "", "backup@2024-01.service"},
    {"/../../system.slice/cron.service", "", "", "cron.service"},
    // No units: not a name of one, or not at its place.
    {"/system.slice", "", "", ""},
    {"/system.slice/.service", "", "", ""},
    {"/system.slice/@.service", "", "", ""},
    {"/system.slice/with space.service", "", "", ""},
    {"/system.slice/cron.timer", "", "", ""},
    {"/machines/web/system.slice/cron.service", "", "", ""},
    {"/process_api/e3cd2bea6e3df0a1800eb67d1af58682", "", "", ""},

    // Docker.
    {"/docker/ID", "docker://ID", "", ""},
    {"/docker/ID/init.scope", "docker://ID", "", ""},
    {"/docker/ID/system.slice/cron.service", "docker://ID", "", ""},
    {"/system.slice/docker-ID.scope", "docker://ID", "", ""},
    {"/system.slice/docker-ID.scope/system.slice/cron.service", "docker://ID", "", ""},
    {"/docker/ID (deleted)", "docker://ID", "", ""},
    {"/system.slice/docker.service", "", "", "docker.service"},
    {"/system.slice/docker.service/docker/ID", "docker://ID", "", "docker.service"},
    {"/../docker-ID.scope", "docker://ID", "", ""},
    {"/docker/ID/docker/ID2", "docker://ID2", "", ""},
    {"/docker/buildkit/abcdefghijklmnopqrstuvwxy", "", "", ""},
    {"/system.slice/docker-1f2e3d.scope", "", "", "docker-1f2e3d.scope"},
    {"/system.slice/docker-abcdefghij0klmno1pqrstu2v.scope", "", "", ""},
    {"/system.slice/buildkit-abcdefghij0klmno1pqrstu2v.scope", "", "", ""},
    {"/foreman.slice/docker-ID.scope", "docker://ID", "", ""},
    {"/system.slice:docker:ID", "docker://ID", "", ""},
    {"/balena-ID.scope", "docker://ID", "", ""},

    // Kubernetes with the cgroupfs driver: the runtime is what the flag says.
    {"/kubepods/podUID/ID", "kubelet-runtime://ID", "UID", ""},
    {"/kubepods/burstable/podUID/ID", "kubelet-runtime://ID", "UID", ""},
    {"/kubepods/besteffort/podUID/ID", "kubelet-runtime://ID", "UID", ""},
    {"/kubepods/burstable/podSTATIC/ID", "kubelet-runtime://ID", "STATIC", ""},
    {"/kubepods/burstable/podUID/crio-ID", "cri-o://ID", "UID", ""},
    {"/kubepods/burstable/podUID/crio-conmon-ID", "", "", ""},
    {"/kubepods/burstable/podUID", "", "", ""},
    {"/kubepods/burstable/podUID/ID/docker/ID2", "docker://ID2", "UID", ""},
    {"/docker/ID/kubelet/kubepods/burstable/podUID/ID2", "kubelet-runtime://ID2", "UID", ""},
    {"/peas/podUID/ID", "docker://ID", "", ""},
    {"/kubepods/burstable/podUID/ID/kube-proxy", "kubelet-runtime://ID", "UID", ""},
    {"/kubepods/burstable/podUID/other-ID", "kubelet-runtime://ID", "UID", ""},
    {"/kubepods/burstable/podUID/kata_ID", "kubelet-runtime://ID", "UID", ""},
    {"/kubepods/burstable/podUID/crio-conmonrs-ID", "", "", ""},
    {"/system.slice/k3s.service/kubepods/podUID/ID", "kubelet-runtime://ID", "UID", "k3s.service"},

    // Kubernetes with the systemd driver.
    {"/kubepods.slice/kubepods-podU_I_D.slice/cri-containerd-ID.scope", "containerd://ID", "UID",
     ""},
    {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podU_I_D.slice/"
     "cri-containerd-ID.scope",
     "containerd://ID", "UID", ""},
    {"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podSTATIC.slice/"
     "cri-containerd-ID.scope",
     "containerd://ID", "STATIC", ""},
    {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podU_I_D.slice/crio-ID.scope",
     "cri-o://ID", "UID", ""},
    {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podU_I_D.slice/"
     "crio-ID.scope/container",
     "cri-o://ID", "UID", ""},
    {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podU_I_D.slice/"
     "crio-conmon-ID.scope",
     "", "", ""},
    {"/kubepods.slice/kubepods-podU_I_D.slice/docker-ID.scope", "docker://ID", "UID", ""},
    {"/system.slice/containerd.service/kubepods-burstable-podU_I_D.slice:cri-containerd:ID",
     "containerd://ID", "UID", "containerd.service"},
    {"/kubepods-besteffort-podU_I_D.slice:cri-containerd:ID", "containerd://ID", "UID", ""},
    {"/docker/ID/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/"
     "kubelet-kubepods-burstable-podU_I_D.slice/cri-containerd-ID2.scope",
     "containerd://ID2", "UID", ""},
    {"/kubepods.slice/kubepods-podU_I_D.slice/cri-containerd-ID.scope/system.slice/cron.service",
     "containerd://ID", "UID", ""},
    {"/system.slice/containerd.service", "", "", "containerd.service"},
    {"/system.slice/kubelet.service", "", "", "kubelet.service"},
    {"/notkubepods-podU_I_D.slice/cri-containerd-ID.scope", "containerd://ID", "", ""},

    {"/kata_kubepods-burstable-podU_I_D.slice:cri-containerd:ID", "containerd://ID", "UID", ""},

    // Engines that do not say their name, and parents of the operator's choice.
    {"/ID", "docker://ID", "", ""},
    {"/my-parent/ID", "docker://ID", "", ""},
    {"/ecs/TASK/ID", "docker://ID", "", ""},
    {"/ecstasks.slice/ecstasks-TASK.slice/docker-ID.scope", "docker://ID", "", ""},
    {"/actions_job/ID", "docker://ID", "", ""},
    {"/default/ID", "containerd://ID", "", ""},
    {"/k8s.io/ID", "containerd://ID", "", ""},
    {"/moby/ID", "docker://ID", "", ""},
    {"/system.slice/containerd.service/ID", "containerd://ID", "", "containerd.service"},
    {"/system.slice/crio.service/ID", "cri-o://ID", "", "crio.service"},
    {"/system.slice/nerdctl-ID.scope", "containerd://ID", "", ""},
    {"/user.slice/user-1000.slice/user@1000.service/user.slice/nerdctl-ID.scope", "containerd://ID",
     "", "user@1000.service"},
    {"/nomad.slice/docker-ID.scope", "docker://ID", "", ""},
    {"/system.slice/runc-ID.scope", "docker://ID", "", ""},
    {"/system.slice/slurmstepd.scope/job_981/step_0/docker-ID.scope", "docker://ID", "",
     "slurmstepd.scope"},
    {"/kata_ID", "containerd://ID", "", ""},
    {"/default/kata_ID", "containerd://ID", "", ""},
    {"/kata_overhead/ID", "containerd://ID", "", ""},
    {"/kata_overhead/kubepods/besteffort/podUID/ID", "kubelet-runtime://ID", "UID", ""},
    {"/docker/ID/my-parent/ID2", "docker://ID2", "", ""},
    // No ids: one digit too many, none of an engine's separators, upper case, other lengths.
    {"/docker/IDf", "", "", ""},
    {"/docker/aID", "", "", ""},
    {"/docker/1F2E3D4C5B6A798812345678901234567890ABCDEFABCDEFABCDEF1234567890", "", "", ""},
    {"/ecs/TASK/TASK-2495160603", "", "", ""},
    {"/garden/UID", "", "", ""},

    // Podman.
    {"/libpod_parent/libpod-ID", "podman://ID", "", ""},
    {"/libpod-ID", "podman://ID", "", ""},
    {"/machine.slice/libpod-ID.scope", "podman://ID", "", ""},
    {"/machine.slice/libpod-ID.scope/container", "podman://ID", "", ""},
    {"/machine.slice/libpod-ID.scope/container/system.slice/cron.service", "podman://ID", "", ""},
    {"/machine.slice/libpod-conmon-ID.scope", "", "", ""},
    {"/libpod_parent/conmon", "", "", ""},
    {"/libpod_parent/ID2/libpod-ID", "podman://ID", "", ""},
    {"/libpod_parent/ID2/conmon", "", "", ""},
    {"/system.slice/ID-4e5f60718293a4b5.service", "", "", "id.service"},
    {"/system.slice/ID.service", "", "", "id.service"},
    {"/system.slice/web.service/libpod-payload-ID", "podman://ID", "", "web.service"},
    {"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container",
     "podman://ID", "", "user@1000.service"},
    {"/machine.slice/machine-libpod_pod_ID2.slice/libpod-ID.scope/container", "podman://ID", "",
     ""},

    // LXC and nspawn.
    {"/lxc/web", "lxc://web", "", ""},
    {"/lxc/web/system.slice/cron.service", "lxc://web", "", ""},
    {"/lxc.payload.web", "lxc://web", "", ""},
    {"/lxc.payload.web/system.slice/cron.service", "lxc://web", "", ""},
    {"/lxc.payload.outer/lxc.payload.inner/init.scope", "lxc://inner", "", ""},
    {"/lxc/web/docker/ID", "docker://ID", "", ""},
    {"/lxc/101/ns/init.scope", "lxc://101", "", ""},
    {"/lxc.payload/web", "lxc://web", "", ""},
    {"/lxc.payload/web/system.slice/cron.service", "lxc://web", "", ""},
    {"/lxc.monitor/web", "", "", ""},
    {"/lxc.payload", "", "", ""},
    {"/user.slice/user-1000.slice/session-2.scope/lxc.payload.web", "lxc://web", "",
     "session.scope"},
    {"/lxc.monitor.web", "", "", ""},
    {"/lxc.payload.", "", "", ""},
    {"/lxc", "", "", ""},
    {"/machine.slice/machine-web.scope", "nspawn://web", "", ""},
    {"/machine.slice/machine-my\\x2dweb.scope/payload", "nspawn://my-web", "", ""},
    {"/machine.slice/machine-web.scope/payload/system.slice/cron.service", "nspawn://web", "", ""},
    {"/machine.slice/systemd-nspawn@web.service/payload/init.scope", "nspawn://web", "",
     "systemd-nspawn@web.service"},
    {"/machine.slice/machine-bad\\x2.scope", "nspawn://bad\\x2", "", ""},
    {"/machine.slice/machine-qemu\\x2d1\\x2dwin.scope/libvirt/emulator", "", "",
     "machine-win.scope"},
    {"/machine.slice/machine-lxc\\x2d4711\\x2dold.scope", "", "", "machine-old.scope"},
    {"/qemu.slice/101.scope", "", "", "qemu.scope"},
    {"/machine.slice/machine-.scope", "", "", "machine.scope"},
    {"/system.slice/machine-web.scope", "", "", "machine-web.scope"},
};

TEST(CgroupPathTest, ReadsEveryKnownLayout) {
  ASSERT_GE(std::size(kPaths), 60U);
  for (const PathCase& test : kPaths) {
    const std::string path = Expand(test.path);
    SCOPED_TRACE(path);
    CgroupIdentity expected{
        .container_id = Expand(test.container_id),
        .runtime = std::string(test.container_id.substr(0, test.container_id.find("://"))),
        .pod_uid = Expand(test.pod_uid),
        .unit = std::string(test.unit)};
    EXPECT_EQ(IdentifyCgroupPath(path, "kubelet-runtime"), expected);
    // The same path means the same in every hierarchy.
    EXPECT_EQ(IdentifyCgroup("0::" + path + "\n", "kubelet-runtime"), expected);
    EXPECT_EQ(IdentifyCgroup("1:name=systemd:" + path + "\n0::/\n", "kubelet-runtime"), expected);
    EXPECT_EQ(IdentifyCgroup("7:blkio:/\n4:pids,cpu:" + path, "kubelet-runtime"), expected);
  }
}

struct TextCase {
  std::string_view what;
  std::string_view text;
  std::string_view container_id;
  std::string_view unit;
};

constexpr TextCase kTexts[] = {
    {"a v1 host", "9:name=systemd:/system.slice/cron.service\n8:pids:/system.slice/cron.service\n",
     "", "cron.service"},
    {"a v1 host without systemd", "9:name=systemd:/\n8:pids:/docker/ID\n0::/\n", "docker://ID", ""},
    {"a hybrid host: the unified line tells",
     "9:name=systemd:/system.slice/a.service\n0::/system.slice/b.service\n", "", "b.service"},
    {"a hybrid host: the runtime's unit is all that the unified line knows",
     "11:freezer:/docker/ID\n1:name=systemd:/docker/ID\n0::/system.slice/containerd.service\n",
     "docker://ID", ""},
    {"a hybrid host: a container within a container, whose engine knows v1 alone",
     "4:pids:/docker/ID2/docker/ID\n1:name=systemd:/docker/ID2/docker/ID\n0::/docker/ID2\n",
     "docker://ID", ""},
    {"a hybrid host: the inner container is on the unified side",
     "4:pids:/docker/ID2\n0::/system.slice/docker-ID2.scope/lxc/ID\n", "lxc://ID", ""},
    {"a hybrid host: as many containers, one deeper", "4:pids:/a/b/docker/ID\n0::/docker/ID2\n",
     "docker://ID", ""},
    {"as deep in both: the unified line", "4:pids:/docker/ID2\n0::/docker/ID\n", "docker://ID", ""},
    {"the unified line tells nothing", "3:cpu:/x\n1:name=systemd:/system.slice/a.service\n0::/x\n",
     "", "a.service"},
    {"systemd's line before other ones",
     "3:cpu:/system.slice/b.service\n1:name=systemd:/system.slice/a.service\n", "", "a.service"},
    {"a named hierarchy that looks like the unified one", "1::/system.slice/a.service\n", "",
     "a.service"},
    {"no lines", "", "", ""},
    {"no colons", "garbage\n\n\n", "", ""},
    {"one colon", "0:/system.slice/a.service\n", "", ""},
    {"no final new line", "0::/system.slice/a.service", "", "a.service"},
    {"a relative path", "0::system.slice/a.service\n", "", "a.service"},
};

TEST(CgroupPathTest, ChoosesTheLineThatTellsMost) {
  for (const TextCase& test : kTexts) {
    SCOPED_TRACE(test.what);
    const CgroupIdentity identity = IdentifyCgroup(Expand(test.text), "kubelet-runtime");
    EXPECT_EQ(identity.container_id, Expand(test.container_id));
    EXPECT_EQ(identity.unit, test.unit);
  }
}

TEST(CgroupPathTest, SurvivesPathsOfThousandsOfComponents) {
  // Given the longest path that the kernel would print, made of the most components
  std::string path;
  while (path.size() < 4096) path += "/a";
  // When it is read, below a container and without one, then only the container counts.
  EXPECT_EQ(IdentifyCgroupPath(path, "containerd"), CgroupIdentity());
  EXPECT_EQ(IdentifyCgroupPath("/lxc/web" + path, "containerd").container_id, "lxc://web");
}

TEST(CgroupPathTest, KnowsWhatAnEndingProcessShowsOnV1) {
  EXPECT_TRUE(IsV1Root("2:cpu:/\n1:name=systemd:/\n0::/system.slice/a.service\n"));
  EXPECT_FALSE(IsV1Root("2:cpu:/\n1:name=systemd:/a\n0::/\n"));
  EXPECT_FALSE(IsV1Root("0::/\n"));
  EXPECT_FALSE(IsV1Root(""));
}

TEST(CgroupPathTest, HasOnePathForRules) {
  EXPECT_EQ(MainCgroupPath("2:cpu:/c\n1:name=systemd:/b\n0::/a (deleted)\n"), "/a");
  EXPECT_EQ(MainCgroupPath("2:cpu:/c\n1:name=systemd:/b\n0::/\n"), "/b");
  EXPECT_EQ(MainCgroupPath("2:cpu:/c\n1:name=systemd:/\n0::/\n"), "/c");
  EXPECT_EQ(MainCgroupPath("2:cpu:/\n0::/\n"), "");
}

struct PidsCase {
  std::string_view what;
  std::string_view text;
  bool found;
  bool unified;
  std::string_view path;
};

constexpr PidsCase kPids[] = {
    {"v2", "0::/system.slice/a.service/sub\n", true, true, "/system.slice/a.service/sub"},
    {"v1: only the controller's line counts",
     "9:name=systemd:/system.slice/a.service\n8:cpu,pids:/docker/ID/x\n0::/y.service\n", true,
     false, "/docker/ID/x"},
    {"v1 without the controller", "9:name=systemd:/system.slice/a.service\n", false, false, ""},
    {"a controller that only ends alike", "8:notpids:/a\n0::/b\n", true, true, "/b"},
};

TEST(CgroupPathTest, FindsWhereForksAreCharged) {
  for (const PidsCase& test : kPids) {
    SCOPED_TRACE(test.what);
    const std::string text = Expand(test.text);
    const std::optional<PidsCgroup> group = FindPidsCgroup(text);
    ASSERT_EQ(group.has_value(), test.found);
    if (!group) continue;
    EXPECT_EQ(group->unified, test.unified);
    EXPECT_EQ(group->path, Expand(test.path));
  }
}

constexpr PathCase kLimits[] = {
    // What is a unit or a container, or part of one.
    {"/system.slice/cron.service", "", "", "cron.service"},
    {"/system.slice/cron.service/sub", "", "", "cron.service"},
    {"/kubepods/burstable/podUID/ID", "kubelet-runtime://ID", "UID", ""},
    {"/system.slice/web.service/libpod-payload-ID", "podman://ID", "", "web.service"},
    {"/docker/ID/docker/ID2", "docker://ID2", "", ""},
    // Kubelet's limit is on the pod.
    {"/kubepods/burstable/podUID", "pod://UID", "UID", ""},
    {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podU_I_D.slice", "pod://UID",
     "UID", ""},
    {"/docker/ID2/kubelet/kubepods/podUID", "docker://ID2", "UID", ""},
    // Above: slices, and what would be one.
    {"/kubepods.slice", "", "", "kubepods.slice"},
    {"/kubepods.slice/kubepods-burstable.slice", "", "", "kubepods-burstable.slice"},
    {"/kubepods", "", "", "kubepods.slice"},
    {"/kubepods/burstable", "", "", "kubepods-burstable.slice"},
    {"/user.slice/user-1000.slice", "", "", "user-1000.slice"},
    {"/machine.slice/machine-libpod_pod_ID.slice", "", "", "machine-libpod_pod.slice"},
    {"/ecstasks.slice/ecstasks-TASK.slice", "", "", "ecstasks.slice"},
    {"/ecs/TASK", "", "", "ecs.slice"},
    {"/docker", "", "", "docker.slice"},
    {"/slurm/uid_1000/job_12", "", "", "slurm-uid-job.slice"},
    {"/", "", "", ""},
};

TEST(CgroupPathTest, KnowsWhomALimitStandsFor) {
  for (const PathCase& test : kLimits) {
    SCOPED_TRACE(test.path);
    const CgroupIdentity limit = IdentifyLimit(Expand(test.path), "kubelet-runtime");
    EXPECT_EQ(limit.container_id, Expand(test.container_id));
    EXPECT_EQ(limit.pod_uid, Expand(test.pod_uid));
    EXPECT_EQ(limit.unit, test.unit);
    EXPECT_EQ(limit.container_id.substr(0, limit.container_id.find(':')), limit.runtime);
  }
}

TEST(CgroupPathTest, NamesNoSliceLongerThanSystemdWould) {
  std::string path;
  while (path.size() < 4096) path += "/abc";
  const CgroupIdentity limit = IdentifyLimit(path, "containerd");
  EXPECT_LE(limit.unit.size(), 255U);
  EXPECT_TRUE(limit.unit.starts_with("abc-abc-"));
}

}  // namespace
}  // namespace cnproc
