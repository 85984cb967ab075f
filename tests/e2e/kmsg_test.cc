// SPDX-License-Identifier: Apache-2.0
// The real kernel's log of a real OOM kill in a memory cgroup: needs root.
#include "collectors/kernel/kmsg.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace cnproc {
namespace {

namespace fs = std::filesystem;

bool Write(const fs::path& file, const std::string& text) {
  std::ofstream out(file);
  out << text << std::flush;
  return out.good();
}

uint64_t OomKillsByVmstat() {
  std::ifstream file("/proc/vmstat");
  std::string name;
  for (uint64_t value = 0; file >> name >> value;) {
    if (name == "oom_kill") return value;
  }
  return 0;
}

// A memory cgroup with a limit of 16 MiB, of whichever version has the controller.
class MemoryCgroup {
 public:
  explicit MemoryCgroup(const std::string& name) {
    const fs::path v1 = "/sys/fs/cgroup/memory";
    const bool is_v1 = fs::exists(v1);
    if (!is_v1) Write("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
    directory_ = (is_v1 ? v1 : fs::path("/sys/fs/cgroup")) / name;
    fs::create_directory(directory_);
    good_ = Write(directory_ / (is_v1 ? "memory.limit_in_bytes" : "memory.max"), "16777216");
  }
  ~MemoryCgroup() { rmdir(directory_.c_str()); }
  bool good() const { return good_; }
  fs::path procs() const { return directory_ / "cgroup.procs"; }

 private:
  fs::path directory_;
  bool good_ = false;
};

TEST(KmsgReaderTest, ReadsARealOomKillAndNoForgedOne) {
  MemoryCgroup cgroup("cnproc\\x2dkmsg,task=test");
  ASSERT_TRUE(cgroup.good()) << "no memory controller";
  absl::StatusOr<KmsgReader> reader = KmsgReader::Open("/dev/kmsg");
  ASSERT_TRUE(reader.ok()) << reader.status();
  const uint64_t kills_before = OomKillsByVmstat();

  // Given a line that root forged
  ASSERT_TRUE(Write("/dev/kmsg", "<0>Out of memory: Killed process 1 (init) total-vm:8kB\n"));
  // and a process that eats more than its cgroup may have
  const pid_t pid = fork();
  if (pid == 0) {
    constexpr size_t kBytes = 256 << 20;
    if (!Write(cgroup.procs(), std::to_string(getpid()))) _exit(1);
    void* memory =
        mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    std::memset(memory, 1, kBytes);
    _exit(2);
  }
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  ASSERT_TRUE(WIFSIGNALED(status)) << "exit code " << WEXITSTATUS(status);
  ASSERT_EQ(WTERMSIG(status), SIGKILL);

  // Then the kernel's own account agrees with what was read.
  std::vector<OomKill> kills;
  ASSERT_TRUE(reader->Read(kills).ok());
  EXPECT_EQ(kills.size(), OomKillsByVmstat() - kills_before);
  ASSERT_EQ(kills.size(), 1U);
  EXPECT_EQ(kills[0].tid, pid);
  EXPECT_TRUE(kills[0].in_cgroup);
  EXPECT_EQ(kills[0].cgroup_path, "/cnproc\\x2dkmsg,task=test");
  EXPECT_EQ(reader->lost(), 0U);
}

}  // namespace
}  // namespace cnproc
