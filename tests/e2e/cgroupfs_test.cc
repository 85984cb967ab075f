// SPDX-License-Identifier: Apache-2.0
// The real pids controller: needs root.
#include "collectors/kernel/cgroupfs.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace cnproc {
namespace {

namespace fs = std::filesystem;

bool Write(const fs::path& file, const std::string& text) {
  std::ofstream out(file);
  out << text << std::flush;
  return out.good();
}

TEST(CgroupFsKernelTest, CountsRefusedForks) {
  const fs::path root = "/sys/fs/cgroup";
  const bool unified = !fs::exists(root / "pids");
  const std::string path = "/cnproc-pids-test";
  const fs::path directory = (unified ? root : root / "pids") / path.substr(1);
  if (unified) Write(root / "cgroup.subtree_control", "+pids");
  fs::create_directory(directory);
  ASSERT_TRUE(Write(directory / "pids.max", "1")) << "no pids controller";

  // Given a process that may not fork, when it tries seven times
  const CgroupFs cgroups(root.string());
  const absl::StatusOr<ForkRefusals> before = cgroups.ReadForkRefusals(unified, path);
  ASSERT_TRUE(before.ok()) << before.status();
  const pid_t pid = fork();
  if (pid == 0) {
    int refused = 0;
    if (!Write(directory / "cgroup.procs", std::to_string(getpid()))) _exit(99);
    for (int i = 0; i < 7; ++i) {
      const pid_t child = fork();
      if (child == 0) _exit(0);
      if (child < 0) ++refused;
    }
    _exit(refused);
  }
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  ASSERT_EQ(WEXITSTATUS(status), 7);

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

}  // namespace
}  // namespace cnproc
