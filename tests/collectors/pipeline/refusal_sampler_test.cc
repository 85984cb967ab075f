// SPDX-License-Identifier: Apache-2.0
#include "collectors/pipeline/refusal_sampler.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/temp_folder.h"

namespace cnproc {
namespace {

namespace fs = std::filesystem;

const std::string kId(64, 'c');

const std::string kContainerGroup = "/system.slice/a.service/libpod-payload-" + kId;

// A tree that looks like that of cgroups: v1's pids controller, or v2 before Linux 6.11.
class RefusalSamplerTest : public testing::Test {
 protected:
  void SetCount(const std::string& group, int count, bool unified) {
    const fs::path directory = root_ / (unified ? "" : "pids") / group.substr(1);
    fs::create_directories(directory);
    std::ofstream(directory / "pids.events") << "max " << count << "\n";
  }
  void Remove(const std::string& group) { fs::remove_all(root_ / "pids" / group.substr(1)); }
  RefusalSampler Open() {
    return {CgroupFs(root_.string()), "kubelet-runtime", "0::/init.scope\n"};
  }

  static std::shared_ptr<const CgroupFacts> Group(const std::string& path, bool unified) {
    const std::string text = (unified ? "0::" : "1:pids:") + path + "\n";
    CgroupFacts facts;
    facts.identity = IdentifyCgroup(text, "containerd");
    const PidsCgroup pids = *FindPidsCgroup(text);
    facts.pids_unified = pids.unified;
    facts.pids_path = pids.path;
    return std::make_shared<CgroupFacts>(facts);
  }
  static std::vector<Refusals> Sample(RefusalSampler& sampler, size_t max_files = 100) {
    std::vector<Refusals> refusals;
    sampler.Sample(max_files, refusals);
    return refusals;
  }

  const TempFolder folder_;
  const fs::path root_ = folder_.path();
};

TEST_F(RefusalSamplerTest, CountsWhatIsNew) {
  // Given a group that had refused forks before anyone looked, and one that is made later
  SetCount("/system.slice/old.service", 40, false);
  RefusalSampler sampler = Open();
  ASSERT_TRUE(sampler.status().ok()) << sampler.status();
  SetCount("/system.slice/new.service", 3, false);
  sampler.Track(Group("/system.slice/old.service", false));
  sampler.Track(Group("/system.slice/new.service", false));
  // Then of the one only what comes counts, of the other all.
  std::vector<Refusals> refusals = Sample(sampler);
  ASSERT_EQ(refusals.size(), 1U);
  EXPECT_EQ(refusals[0].who.unit, "new.service");
  EXPECT_EQ(refusals[0].who.container_id, "");
  EXPECT_EQ(refusals[0].count, 3U);
  EXPECT_TRUE(Sample(sampler).empty());
  SetCount("/system.slice/old.service", 45, false);
  refusals = Sample(sampler);
  ASSERT_EQ(refusals.size(), 1U);
  EXPECT_EQ(refusals[0].count, 5U);
}

TEST_F(RefusalSamplerTest, ReadsTheProcesssOwnGroupWhereThatCounts) {
  // Given v1, where the group counts in which the process is
  SetCount(kContainerGroup + "/sub", 2, false);
  RefusalSampler sampler = Open();
  SetCount(kContainerGroup + "/sub", 6, false);
  sampler.Track(Group(kContainerGroup + "/sub", false));
  const std::vector<Refusals> refusals = Sample(sampler);
  ASSERT_EQ(refusals.size(), 1U);
  EXPECT_EQ(refusals[0].count, 4U);
  EXPECT_EQ(refusals[0].who.unit, "a.service");
  EXPECT_EQ(refusals[0].who.container_id, "podman://" + kId);
}

TEST_F(RefusalSamplerTest, ReadsTheProcesssOwnGroupOfV2BeforeLinux611) {
  std::ofstream(root_ / "cgroup.controllers") << "pids\n";
  SetCount("/system.slice/a.service/sub", 0, true);
  RefusalSampler sampler = Open();
  sampler.Track(Group("/system.slice/a.service/sub", true));
  SetCount("/system.slice/a.service/sub", 6, true);
  const std::vector<Refusals> refusals = Sample(sampler);
  ASSERT_EQ(refusals.size(), 1U);
  EXPECT_EQ(refusals[0].count, 6U);
  EXPECT_EQ(refusals[0].who.unit, "a.service");
}

TEST_F(RefusalSamplerTest, ForgetsAGroupThatIsGoneAndKnowsItAnew) {
  SetCount("/system.slice/a.service", 5, false);
  RefusalSampler sampler = Open();
  const auto group = Group("/system.slice/a.service", false);
  sampler.Track(group);
  EXPECT_TRUE(Sample(sampler).empty());
  Remove("/system.slice/a.service");
  EXPECT_TRUE(Sample(sampler).empty());
  EXPECT_EQ(sampler.files(), 0U);
  // Made anew, it begins at 0, though its count is below the old one.
  SetCount("/system.slice/a.service", 2, false);
  sampler.Track(group);
  ASSERT_EQ(Sample(sampler).size(), 1U);
}

TEST_F(RefusalSamplerTest, ReadsInTurn) {
  for (int i = 0; i < 5; ++i) {
    const std::string path = "/system.slice/u" + std::to_string(i) + ".service";
    SetCount(path, 0, false);
  }
  RefusalSampler sampler = Open();
  for (int i = 0; i < 5; ++i) {
    const std::string path = "/system.slice/u" + std::to_string(i) + ".service";
    sampler.Track(Group(path, false));
    SetCount(path, 1, false);
  }
  EXPECT_EQ(Sample(sampler, 2).size(), 2U);
  EXPECT_EQ(Sample(sampler, 2).size(), 2U);
  EXPECT_EQ(Sample(sampler, 2).size(), 1U);
}

TEST_F(RefusalSamplerTest, CountsOnTheSliceWhatIsInNoUnit) {
  SetCount("/some/group", 3, false);
  RefusalSampler sampler = Open();
  sampler.Track(Group("/some/group", false));
  sampler.Track(Group("/", false));
  sampler.Track(nullptr);
  EXPECT_EQ(sampler.files(), 1U);
  SetCount("/some/group", 5, false);
  const std::vector<Refusals> refusals = Sample(sampler);
  ASSERT_EQ(refusals.size(), 1U);
  EXPECT_EQ(refusals[0].who.unit, "some-group.slice");
  EXPECT_EQ(refusals[0].count, 2U);
}

TEST_F(RefusalSamplerTest, SaysWhyItCountsNothing) {
  SetCount("/a.service", 0, false);
  RefusalSampler sampler(CgroupFs(root_.string()), "containerd", "3:pids:/../../init.scope\n");
  EXPECT_FALSE(sampler.status().ok());
  sampler.Track(Group("/a.service", false));
  SetCount("/a.service", 5, false);
  EXPECT_TRUE(Sample(sampler).empty());
}

}  // namespace
}  // namespace cnproc
