// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/process_reader.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "tests/temp_folder.h"

namespace cnproc {
namespace {

namespace fs = std::filesystem;
using std::string_literals::operator""s;

class ProcessReaderTest : public testing::Test {
 protected:
  void Write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  ProcessReader Open(ProcessReaderOptions options = {
                         .comm = true, .cgroup = true, .kubelet_runtime = "containerd"}) {
    absl::StatusOr<ProcessReader> reader = ProcessReader::Open(root_.string(), std::move(options));
    EXPECT_TRUE(reader.ok()) << reader.status();
    return *std::move(reader);
  }
  const TempFolder folder_;
  const fs::path root_ = folder_.path();
};

TEST_F(ProcessReaderTest, HandsOutBytesAsTheyAre) {
  Write("42/comm", "a b\n\n");
  Write("42/cmdline", "python3\0-m\0http.server\0"s);
  Write("42/cgroup", "1:name=systemd:/x\n0::/kubepods/a\n");
  fs::create_symlink("/usr/bin/python3.11 (deleted)", root_ / "42/exe");
  ProcessReader reader = Open();
  ProcessReader::Files files = reader.FilesOf(42);
  EXPECT_EQ(files.Get(RuleInput::kComm), "a b\n") << "only the last new line is the kernel's";
  EXPECT_EQ(files.Get(RuleInput::kExe), "/usr/bin/python3.11 (deleted)");
  EXPECT_EQ(files.Get(RuleInput::kCmdline), "python3\0-m\0http.server\0"s);
  EXPECT_EQ(files.Get(RuleInput::kCgroup), "1:name=systemd:/x\n0::/kubepods/a\n");
}

TEST_F(ProcessReaderTest, ReadsWhenAskedAndOnce) {
  ProcessReader reader = Open();
  ProcessReader::Files files = reader.FilesOf(42);
  EXPECT_FALSE(files.was_asked_of_program());
  Write("42/comm", "later\n");
  EXPECT_EQ(files.Get(RuleInput::kComm), "later");
  EXPECT_TRUE(files.was_asked_of_program());
  Write("42/comm", "too late\n");
  EXPECT_EQ(files.Get(RuleInput::kComm), "later");
}

TEST_F(ProcessReaderTest, UnderstandsTheCgroup) {
  Write("42/cgroup", "0::/system.slice/a.service/sub\n");
  ProcessReader reader = Open();
  ProcessReader::Files files = reader.FilesOf(42);
  const auto cgroup = reader.CgroupOf(files);
  ASSERT_NE(cgroup, nullptr);
  EXPECT_EQ(cgroup->identity.unit, "a.service");
  EXPECT_TRUE(cgroup->pids_unified);
  EXPECT_EQ(cgroup->pids_path, "/system.slice/a.service/sub");
  EXPECT_FALSE(files.was_asked_of_program()) << "an exec does not change the cgroup";
}

// On v1 a process that ends seems to be in the root, wherever it is.
TEST_F(ProcessReaderTest, DoesNotBelieveTheRootOfAProcessThatEnds) {
  ProcessReader reader = Open();
  const auto cgroup_of = [&reader] {
    ProcessReader::Files files = reader.FilesOf(42);
    return reader.CgroupOf(files);
  };
  Write("42/cgroup", "2:pids:/\n1:name=systemd:/\n0::/\n");
  Write("42/stat", "42 (a) S) R 1 42 42 0 -1 4194308 90 0 0 0");
  EXPECT_EQ(cgroup_of(), nullptr);
  Write("42/stat", "42 (a) S) R 1 42 42 0 -1 4194304 90 0 0 0");
  EXPECT_NE(cgroup_of(), nullptr);
  fs::remove(root_ / "42/stat");
  EXPECT_EQ(cgroup_of(), nullptr);
}

TEST_F(ProcessReaderTest, SharesWhatIsKnownOfACgroup) {
  Write("1/cgroup", "0::/system.slice/a.service\n");
  Write("2/cgroup", "0::/system.slice/a.service\n");
  ProcessReader reader = Open();
  ProcessReader::Files first = reader.FilesOf(1);
  ProcessReader::Files second = reader.FilesOf(2);
  ASSERT_NE(reader.CgroupOf(first), nullptr);
  EXPECT_EQ(reader.CgroupOf(first), reader.CgroupOf(second));
}

TEST_F(ProcessReaderTest, WhatIsGoneIsAbsent) {
  ProcessReader reader = Open();
  ProcessReader::Files gone = reader.FilesOf(42);
  for (const RuleInput input :
       {RuleInput::kComm, RuleInput::kExe, RuleInput::kCmdline, RuleInput::kCgroup}) {
    EXPECT_FALSE(gone.Get(input));
  }
  EXPECT_EQ(reader.CgroupOf(gone), nullptr);
}

TEST_F(ProcessReaderTest, ReadsNoCgroupThatNobodyAskedFor) {
  Write("42/cgroup", "0::/system.slice/a.service\n");
  ProcessReader reader = Open({.comm = true, .cgroup = false, .kubelet_runtime = ""});
  ProcessReader::Files files = reader.FilesOf(42);
  EXPECT_EQ(reader.CgroupOf(files), nullptr);
}

TEST_F(ProcessReaderTest, KnowsWhatAScanRead) {
  Write("42/comm", "by now another\n");
  Write("42/cmdline", "java\0-jar\0a.jar\0"s);
  ProcessSnapshot snapshot;
  snapshot.tgid = 42;
  snapshot.comm = "java";
  snapshot.cgroup = "0::/system.slice/a.service\n";
  ProcessReader reader = Open();
  ProcessReader::Files files = reader.FilesOf(snapshot);
  EXPECT_EQ(files.Get(RuleInput::kComm), "java");
  EXPECT_EQ(files.Get(RuleInput::kCmdline), "java\0-jar\0a.jar\0"s);
  ASSERT_NE(reader.CgroupOf(files), nullptr);
  EXPECT_EQ(reader.CgroupOf(files)->identity.unit, "a.service");
}

TEST(ProcessReaderErrorTest, SaysThatThereIsNoProc) {
  EXPECT_FALSE(ProcessReader::Open("/nonexistent", {}).ok());
}

}  // namespace
}  // namespace cnproc
