// SPDX-License-Identifier: Apache-2.0
#include "collectors/process/unit_name.h"

#include <gtest/gtest.h>

#include <string_view>

namespace cnproc {
namespace {

struct Case {
  std::string_view name;
  std::string_view folded;
  std::string_view slice = "system.slice";
};

constexpr Case kNames[] = {
    // Names stay whole, whatever they hold, if they are the same tomorrow.
    {"init.scope", "init.scope"},
    {"slurmstepd.scope", "slurmstepd.scope"},
    {"lxc-monitord.scope", "lxc-monitord.scope"},
    {"k3s.scope", "k3s.scope"},
    {"docker-1f2e3d.scope", "docker-1f2e3d.scope"},
    {"_dunder__x.scope", "_dunder__x.scope"},
    {"postgresql@15-main.service", "postgresql@15-main.service"},
    {"user@1000.service", "user@1000.service"},
    {"redis-6379.service", "redis-6379.service"},
    {"app-2024.service", "app-2024.service"},
    {"systemd-fsck@dev-disk-by\\x2duuid-3f0a9a4c\\x2d7d0e\\x2d4c1b\\x2d9e55\\x2d0d9b6f0d1c2a."
     "service",
     "systemd-fsck@dev-disk-by\\x2duuid-3f0a9a4c\\x2d7d0e\\x2d4c1b\\x2d9e55\\x2d0d9b6f0d1c2a."
     "service"},
    {"mnt-3f0a9a4c\\x2d7d0e\\x2d4c1b\\x2d9e55\\x2d0d9b6f0d1c2a.mount",
     "mnt-3f0a9a4c\\x2d7d0e\\x2d4c1b\\x2d9e55\\x2d0d9b6f0d1c2a.mount"},

    // snapd: snap.NAME.PROGRAM-UUID, older ones .UUID; hooks.
    {"snap.firefox.firefox-60d06d2e-7a91-4d4f-8ef3-0a5a1a8b1f5e.scope", "snap.firefox.scope"},
    {"snap.firefox.firefox.60d06d2e-7a91-4d4f-8ef3-0a5a1a8b1f5e.scope", "snap.firefox.scope"},
    {"snap.lxd_other.hook.configure-60d06d2e-7a91-4d4f-8ef3-0a5a1a8b1f5e.scope",
     "snap.lxd_other.scope"},
    {"snap.lxd.daemon.service", "snap.lxd.daemon.service"},

    // Schedulers of jobs.
    {"60d06d2e-7a91-4d4f-8ef3-0a5a1a8b1f5e.web.scope", "web.scope", "share.slice"},  // Nomad
    {"node-7ff0_slurmstepd.scope", "slurmstepd.scope"},
    {"job-60d06d2e-7a91-4d4f-8ef3-0a5a1a8b1f5e.scope", "job.scope"},
    {"job_4711.scope", "job.scope"},

    // Machines.
    {"machine-qemu\\x2d12\\x2dweb\\x2d01.scope", "machine-web\\x2d01.scope", "machine.slice"},
    {"machine-qemu\\x2d12\\x2dinstance\\x2d0000001a.scope", "machine-instance.scope",
     "machine.slice"},
    {"machine-lxc\\x2d4711\\x2dold.scope", "machine-old.scope", "machine.slice"},
    {"machine-60d06d2e-7a91-4d4f-8ef3-0a5a1a8b1f5e.scope", "machine.scope", "machine.slice"},
    {"101.scope", "qemu.scope", "qemu.slice"},  // Proxmox

    // Process ids, counters, random words.
    {"podman-4711.scope", "podman.scope"},
    {"podman-pause-1a2b3c4d.scope", "podman-pause.scope"},
    {"apptainer-4711.scope", "apptainer.scope"},
    {"buildah-buildah3151892432.scope", "buildah-buildah.scope"},
    {"step-abcdefghij0klmno1pqrstu2v.scope", "step.scope"},
    {"60d06d2e-7a91-4d4f-8ef3-0a5a1a8b1f5e.scope", "id.scope"},
    {"4711.scope", "id.scope"},

    // What is made anew for a run, a session or a connection.
    {"session-c2.scope", "session.scope"},
    {"run-rabc.scope", "run.scope"},
    {"run-p123-i456.service", "run.service"},
    {"systemd-coredump@3-4711-0.service", "systemd-coredump@.service"},
    {"polkit-agent-helper@5-4711_88-1000.service", "polkit-agent-helper@.service"},
    {"sshd@0-1:22-2:4711.service", "sshd@.service"},  // vsock
    {"dbus-:1.2-org.freedesktop.problems@5.service", "dbus-org.freedesktop.problems@.service"},
    // podman's health checks.
    {"1f2e3d4c5b6a798812345678901234567890abcdefabcdefabcdef1234567890.service", "id.service"},
    {"1f2e3d4c5b6a798812345678901234567890abcdefabcdefabcdef1234567890-4e5f60718293a4b5.service",
     "id.service"},
};

TEST(UnitNameTest, IsMadeOfNoId) {
  for (const Case& test : kNames) {
    EXPECT_EQ(FoldUnitName(test.name, test.slice), test.folded) << test.name;
    EXPECT_TRUE(IsUnitName(test.folded)) << test.folded;
    // What is folded is folded for good: a name of the configuration file can be checked by it.
    EXPECT_EQ(FoldUnitName(test.folded, test.slice), test.folded);
  }
}

TEST(UnitNameTest, SlicesKeepTheirNumbers) {
  EXPECT_EQ(FoldSliceName("user-1000.slice"), "user-1000.slice");
  EXPECT_EQ(FoldSliceName("-.slice"), "-.slice");
  EXPECT_EQ(FoldSliceName("ecstasks-cd189a933e5849daa93386466019ab50.slice"), "ecstasks.slice");
  EXPECT_EQ(FoldSliceName("a-3f0a9a4c_7d0e_4c1b_9e55_0d9b6f0d1c2a.slice"), "a.slice");
}

TEST(UnitNameTest, NestsAsSystemdDoes) {
  EXPECT_EQ(NestSlice("", "kubepods"), "kubepods");
  EXPECT_EQ(NestSlice("kubepods", "burstable"), "kubepods-burstable");
  EXPECT_EQ(NestSlice("jobs", "4711"), "jobs");
}

}  // namespace
}  // namespace cnproc
