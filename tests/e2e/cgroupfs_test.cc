// SPDX-License-Identifier: Apache-2.0
// The real pids controller: needs root. The truth is what fork said to the program that asked.
#include "collectors/kernel/cgroupfs.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "collectors/pipeline/refusal_sampler.h"
#include "collectors/process/cgroup_path.h"

namespace cnproc {
namespace {

namespace fs = std::filesystem;

bool Write(const fs::path& file, const std::string& text) {
  std::ofstream out(file);
  out << text << std::flush;
  return out.good();
}

const fs::path kRoot = "/sys/fs/cgroup";
bool IsUnified() { return !fs::exists(kRoot / "pids"); }
fs::path DirectoryOf(const std::string& group) {
  return (IsUnified() ? kRoot : kRoot / "pids") / group.substr(1);
}

// Tries to fork `tries` times from within a group. Returns how often there was EAGAIN.
int TryForksIn(const std::string& group, int tries) {
  const pid_t pid = fork();
  if (pid == 0) {
    int refused = 0;
    if (!Write(DirectoryOf(group) / "cgroup.procs", std::to_string(getpid()))) _exit(99);
    for (int i = 0; i < tries; ++i) {
      const pid_t child = fork();
      if (child == 0) _exit(0);
      if (child < 0 && errno == EAGAIN) ++refused;
    }
    _exit(refused);
  }
  int status = 0;
  return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(CgroupFsKernelTest, CountsRefusedForks) {
  const bool unified = IsUnified();
  const std::string path = "/cnproc-pids-test";
  const fs::path directory = DirectoryOf(path);
  if (unified) Write(kRoot / "cgroup.subtree_control", "+pids");
  fs::create_directory(directory);
  ASSERT_TRUE(Write(directory / "pids.max", "1")) << "no pids controller";

  // Given a process that may not fork, when it tries seven times
  const CgroupFs cgroups(kRoot.string());
  const absl::StatusOr<ForkRefusals> before = cgroups.ReadForkRefusals(unified, path);
  ASSERT_TRUE(before.ok()) << before.status();
  ASSERT_EQ(TryForksIn(path, 7), 7);

  // Then the group's count says so,
  const absl::StatusOr<ForkRefusals> after = cgroups.ReadForkRefusals(unified, path);
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ(after->count - before->count, 7U);
  EXPECT_EQ(after->inode, before->inode);
  const auto all = cgroups.ScanForkRefusals(unified, 10'000);
  ASSERT_TRUE(all.contains(path));
  EXPECT_EQ(all.find(path)->second.count, after->count);
  // and one made anew is told from it.
  fs::remove(directory);
  EXPECT_EQ(cgroups.ReadForkRefusals(unified, path).status().code(), absl::StatusCode::kNotFound);
  fs::create_directory(directory);
  EXPECT_NE(cgroups.ReadForkRefusals(unified, path)->inode, before->inode);
  fs::remove(directory);
}

// A pod as kubelet makes it, with a limit of its own, above one container with a limit and one
// without.
class PodLimitKernelTest : public testing::Test {
 protected:
  void SetUp() override {
    if (IsUnified()) Write(kRoot / "cgroup.subtree_control", "+pids");
    for (const std::string& group : {kTop, kPod, kUnlimited, kLimited}) {
      fs::create_directory(DirectoryOf(group));
      if (IsUnified() && group.size() <= kPod.size()) {
        Write(DirectoryOf(group) / "cgroup.subtree_control", "+pids");
      }
    }
    ASSERT_TRUE(Write(DirectoryOf(kPod) / "pids.max", "1")) << "no pids controller";
    ASSERT_TRUE(Write(DirectoryOf(kLimited) / "pids.max", "1"));
  }
  void TearDown() override {
    for (const std::string& group : {kLimited, kUnlimited, kPod, kTop}) {
      // The last of its processes may still be on its way out.
      for (int i = 0; i < 100 && rmdir(DirectoryOf(group).c_str()) != 0; ++i) usleep(10'000);
    }
  }

  static std::shared_ptr<const CgroupFacts> FactsOf(const std::string& group) {
    const std::string text = (IsUnified() ? "0::" : "1:pids:") + group + "\n";
    CgroupFacts facts;
    facts.identity = IdentifyCgroup(text, "containerd");
    facts.pids_unified = IsUnified();
    facts.pids_path = group;
    return std::make_shared<CgroupFacts>(facts);
  }

  static inline const std::string kUid = "3f0a9a4c-7d0e-4c1b-9e55-0d9b6f0d1c2b";
  static inline const std::string kTop = "/kubepods";
  static inline const std::string kPod = kTop + "/pod" + kUid;
  static inline const std::string kUnlimited = kPod + "/" + std::string(64, 'a');
  static inline const std::string kLimited = kPod + "/" + std::string(64, 'b');
};

TEST_F(PodLimitKernelTest, EachRefusalIsOnWhoseLimitItWas) {
  RefusalSampler sampler(CgroupFs(kRoot.string()), "containerd", "0::/init.scope\n");
  ASSERT_TRUE(sampler.status().ok()) << sampler.status();
  sampler.Track(FactsOf(kUnlimited));
  sampler.Track(FactsOf(kLimited));
  // When the pod's limit refuses 100 forks of the one, the container's own 30 of the other
  ASSERT_EQ(TryForksIn(kUnlimited, 90), 90);
  ASSERT_EQ(TryForksIn(kLimited, 30), 30);
  ASSERT_EQ(TryForksIn(kUnlimited, 10), 10);
  std::map<std::string, uint64_t> counted;
  std::vector<Refusals> refusals;
  for (int i = 0; i < 50; ++i) sampler.Sample(128, refusals);
  for (const Refusals& some : refusals) counted[some.who.container_id] += some.count;
  EXPECT_EQ(counted["containerd://" + std::string(64, 'b')], 30U);
  // Then, where the kernel tells whose limit it was, it is the pod's: since Linux 6.11, on v2.
  std::stringstream mounts;
  mounts << std::ifstream("/proc/self/mountinfo").rdbuf();
  const bool by_limit = IsUnified() && fs::exists(DirectoryOf(kPod) / "pids.events.local") &&
                        mounts.str().find("pids_localevents") == std::string::npos;
  EXPECT_EQ(counted["pod://" + kUid], by_limit ? 100U : 0U);
  EXPECT_EQ(counted["containerd://" + std::string(64, 'a')], by_limit ? 0U : 100U);
}

}  // namespace
}  // namespace cnproc
