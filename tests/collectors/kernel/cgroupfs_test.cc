// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/cgroupfs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/temp_folder.h"

namespace cnproc {
namespace {

namespace fs = std::filesystem;

TEST(PidsEventsTest, ReadsTheMaxLine) {
  EXPECT_EQ(ParsePidsEvents("max 0\n"), 0U);
  EXPECT_EQ(ParsePidsEvents("max 18446744073709551615\n"), UINT64_MAX);
  EXPECT_EQ(ParsePidsEvents("max 7"), 7U);
  EXPECT_EQ(ParsePidsEvents("local 3\nmax 7\n"), 7U);
  EXPECT_EQ(ParsePidsEvents("maximum 7\n"), std::nullopt);
  EXPECT_EQ(ParsePidsEvents("max seven\n"), std::nullopt);
  EXPECT_EQ(ParsePidsEvents("max 7x\n"), std::nullopt);
  EXPECT_EQ(ParsePidsEvents("max \n"), std::nullopt);
  EXPECT_EQ(ParsePidsEvents(""), std::nullopt);
}

// A tree that looks like that of cgroups.
class CgroupFsTest : public testing::Test {
 protected:
  void Write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  CgroupFs Open() const { return CgroupFs(root_.string(), (root_ / "proc").string()); }

  const TempFolder folder_;
  const fs::path root_ = folder_.path();
};

TEST_F(CgroupFsTest, ReadsBothVersionsAtTheirPlaces) {
  // Given a host with one hierarchy, and one with both
  Write("cgroup.controllers", "pids\n");
  Write("a.slice/a.service/pids.events", "max 3\n");
  EXPECT_EQ(Open().ReadForkRefusals(true, "/a.slice/a.service")->count, 3U);

  Write("unified/cgroup.controllers", "");
  Write("unified/b.slice/pids.events", "max 4\n");
  Write("pids/docker/x/pids.events", "max 5\n");
  EXPECT_EQ(Open().ReadForkRefusals(true, "/b.slice")->count, 4U);
  EXPECT_EQ(Open().ReadForkRefusals(false, "/docker/x")->count, 5U);
}

TEST_F(CgroupFsTest, SaysWhyThereIsNoCount) {
  Write("pids/bad/pids.events", "min 5\n");
  const CgroupFs cgroups = Open();
  const auto code = [&](std::string_view path) {
    return cgroups.ReadForkRefusals(false, path).status().code();
  };
  EXPECT_EQ(code("/gone"), absl::StatusCode::kNotFound);
  EXPECT_EQ(code("/bad"), absl::StatusCode::kDataLoss);
  for (const char* path : {"/..", "/../bad", "/bad/..", "/../../etc", "..", "bad", ""}) {
    EXPECT_EQ(code(path), absl::StatusCode::kInvalidArgument) << path;
  }
  // Two dots within a name lead nowhere.
  EXPECT_EQ(code("/a..b/..c"), absl::StatusCode::kNotFound);
}

TEST_F(CgroupFsTest, TellsAGroupMadeAnewFromTheOld) {
  Write("pids/a/pids.events", "max 5\n");
  Write("pids/b/pids.events", "max 5\n");
  const CgroupFs cgroups = Open();
  EXPECT_EQ(cgroups.ReadForkRefusals(false, "/a")->inode,
            cgroups.ReadForkRefusals(false, "/a")->inode);
  EXPECT_NE(cgroups.ReadForkRefusals(false, "/a")->inode,
            cgroups.ReadForkRefusals(false, "/b")->inode);
}

TEST_F(CgroupFsTest, KnowsWhatTheCountMeans) {
  // Given no group yet
  Write("cgroup.controllers", "pids\n");
  Write("proc/self/mountinfo",
        "30 1 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n");
  EXPECT_EQ(Open().Scope(), std::nullopt);
  // v2 before Linux 6.11,
  Write("a/pids.events", "max 0\n");
  EXPECT_EQ(Open().Scope(), RefusalScope::kOwn);
  // and from then on,
  Write("a/pids.events.local", "max 3\n");
  EXPECT_EQ(Open().Scope(), RefusalScope::kSubtree);
  EXPECT_EQ(Open().ReadOwnLimitRefusals("/a")->count, 3U);
  EXPECT_EQ(Open().ReadOwnLimitRefusals("/../a").status().code(),
            absl::StatusCode::kInvalidArgument);
  // and mounted so that it means what it did,
  Write("proc/self/mountinfo", "30 1 0:26 / /x rw - cgroup2 none rw,nsdelegate,pids_localevents\n");
  EXPECT_EQ(Open().Scope(), RefusalScope::kOwn);
  Write("proc/self/mountinfo", "30 1 0:26 /pids_localevents /x rw - cgroup2 none rw\n");
  EXPECT_EQ(Open().Scope(), RefusalScope::kSubtree);
  // and v1.
  Write("pids/a/pids.events", "max 0\n");
  EXPECT_EQ(Open().Scope(), RefusalScope::kOwn);
}

TEST_F(CgroupFsTest, ListsTheGroupsBelow) {
  Write("b/pids.events", "max 0\n");
  Write("a/b/pids.events", "max 0\n");
  Write("cgroup.procs", "");
  fs::create_directory_symlink(root_ / "a", root_ / "link");
  EXPECT_THAT(Open().ListGroups(""), testing::ElementsAre("a", "b"));
  EXPECT_THAT(Open().ListGroups("/a"), testing::ElementsAre("b"));
  EXPECT_THAT(Open().ListGroups("/gone"), testing::IsEmpty());
}

TEST_F(CgroupFsTest, SaysWhyRefusalsCannotBeCounted) {
  constexpr std::string_view kHost = "0::/init.scope\n";
  constexpr std::string_view kElsewhere = "3:pids:/../..\n0::/../../init.scope\n";
  const auto why = [this](std::string_view init) {
    return std::string(Open().CanCount(init).message());
  };
  EXPECT_THAT(why(kHost), testing::HasSubstr("--path.cgroupfs"));
  Write("cgroup.controllers", "cpu memory\n");
  EXPECT_THAT(why(kHost), testing::HasSubstr("no pids controller"));
  Write("cgroup.controllers", "cpu memory pids\n");
  EXPECT_EQ(why(kHost), "");
  // v2 before 6.11: only /proc/PID/cgroup says who is in which group.
  Write("a/pids.events", "max 0\n");
  EXPECT_EQ(why(kHost), "");
  EXPECT_THAT(why(kElsewhere), testing::HasSubstr("cgroupns=host"));
  // From then on the tree tells all, from wherever it is looked at,
  Write("a/pids.events.local", "max 0\n");
  EXPECT_EQ(why(kHost), "");
  EXPECT_EQ(why(kElsewhere), "");
  // if it is the whole tree: only its root has no cgroup.events.
  Write("cgroup.events", "populated 1\n");
  EXPECT_THAT(why(kElsewhere), testing::HasSubstr("own container alone"));
  // v1
  Write("pids/cgroup.procs", "");
  EXPECT_EQ(why(kHost), "");
  EXPECT_THAT(why(kElsewhere), testing::HasSubstr("cgroupns=host"));
  EXPECT_EQ(why("4:memory:/../..\n3:pids:/\n"), "");
}

TEST_F(CgroupFsTest, FindsAllGroupsThatRefused) {
  Write("pids/a/pids.events", "max 1\n");
  Write("pids/a/b/c/pids.events", "max 2\n");
  Write("pids/quiet/pids.events", "max 0\n");
  Write("pids/nothing/x", "");
  const auto found = Open().ScanForkRefusals(false, 100);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found.at("/a").count, 1U);
  EXPECT_EQ(found.at("/a/b/c").count, 2U);
  EXPECT_LE(Open().ScanForkRefusals(false, 1).size(), 1U);
  EXPECT_TRUE(Open().ScanForkRefusals(true, 0).empty());
}

}  // namespace
}  // namespace cnproc
