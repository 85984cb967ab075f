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

const std::string kContainerGroup =
    "/system.slice/a.service/libpod-payload-" + std::string(64, 'c');

// A tree that looks like that of cgroups, of one hierarchy or of v1's pids controller.
class RefusalSamplerTest : public testing::Test {
 protected:
  void SetCount(const std::string& group, int count, bool unified, bool local = false) {
    const fs::path directory = root_ / (unified ? "" : "pids") / group.substr(1);
    fs::create_directories(directory);
    std::ofstream(directory / "pids.events") << "max " << count << "\n";
    if (local) std::ofstream(directory / "pids.events.local") << "max 0\n";
  }
  void Remove(const std::string& group) { fs::remove_all(root_ / "pids" / group.substr(1)); }
  RefusalSampler Open() { return RefusalSampler(CgroupFs(root_.string())); }

  static std::shared_ptr<const CgroupFacts> Group(const std::string& path, bool unified) {
    const std::string text = (unified ? "0::" : "1:pids:") + path + "\n";
    CgroupFacts facts;
    facts.identity = IdentifyCgroup(text, "containerd");
    const PidsCgroup pids = *FindPidsCgroup(text);
    facts.pids_unified = pids.unified;
    facts.pids_path = pids.path;
    facts.pids_unit_path = pids.unit_path;
    facts.pids_container_path = pids.container_path;
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
  SetCount("/system.slice/new.service", 3, false);
  sampler.Track(Group("/system.slice/old.service", false));
  sampler.Track(Group("/system.slice/new.service", false));
  // Then of the one only what comes counts, of the other all.
  std::vector<Refusals> refusals = Sample(sampler);
  ASSERT_EQ(refusals.size(), 1U);
  EXPECT_EQ(refusals[0].cgroup->identity.unit, "new.service");
  EXPECT_TRUE(refusals[0].of_unit);
  EXPECT_FALSE(refusals[0].of_container);
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
  EXPECT_TRUE(refusals[0].of_unit);
  EXPECT_TRUE(refusals[0].of_container);
}

TEST_F(RefusalSamplerTest, ReadsUnitAndContainerWhereTheyCountForAllBelow) {
  // Given v2 since Linux 6.11, where a group counts what its limit refuses below it
  std::ofstream(root_ / "cgroup.controllers") << "pids\n";
  SetCount("/system.slice/a.service", 0, true, true);
  SetCount(kContainerGroup, 0, true, true);
  SetCount(kContainerGroup + "/sub", 0, true, true);
  RefusalSampler sampler = Open();
  sampler.Track(Group(kContainerGroup + "/sub", true));
  sampler.Track(Group(kContainerGroup + "/sub2", true));
  SetCount("/system.slice/a.service", 9, true, true);
  SetCount(kContainerGroup, 4, true, true);
  SetCount(kContainerGroup + "/sub", 1, true, true);
  const std::vector<Refusals> refusals = Sample(sampler);
  uint64_t unit = 0;
  uint64_t container = 0;
  for (const Refusals& refusal : refusals) {
    if (refusal.of_unit) unit += refusal.count;
    if (refusal.of_container) container += refusal.count;
  }
  EXPECT_EQ(unit, 9U);
  EXPECT_EQ(container, 4U);
}

TEST_F(RefusalSamplerTest, CountsForBothWhereUnitAndContainerAreOneGroup) {
  const std::string group = "/machine.slice/systemd-nspawn@web.service";
  std::ofstream(root_ / "cgroup.controllers") << "pids\n";
  SetCount(group, 0, true, true);
  SetCount(group + "/payload", 0, true, true);
  RefusalSampler sampler = Open();
  sampler.Track(Group(group + "/payload", true));
  SetCount(group, 3, true, true);
  const std::vector<Refusals> refusals = Sample(sampler);
  ASSERT_EQ(refusals.size(), 1U);
  EXPECT_TRUE(refusals[0].of_unit);
  EXPECT_TRUE(refusals[0].of_container);
  EXPECT_EQ(refusals[0].count, 3U);
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

TEST_F(RefusalSamplerTest, TracksNothingThatHasNoName) {
  SetCount("/some/group", 3, false);
  RefusalSampler sampler = Open();
  sampler.Track(Group("/some/group", false));
  sampler.Track(Group("/", false));
  sampler.Track(nullptr);
  EXPECT_EQ(sampler.files(), 0U);
}

}  // namespace
}  // namespace cnproc
