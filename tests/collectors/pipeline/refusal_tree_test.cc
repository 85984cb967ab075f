// SPDX-License-Identifier: Apache-2.0
// Given v2 since Linux 6.11, where a group counts what its own limit refused in pids.events.local,
// and in pids.events that and what the limits below it did.
#include "collectors/pipeline/refusal_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "collectors/pipeline/refusal_sampler.h"
#include "tests/temp_folder.h"

namespace cnproc {
namespace {

namespace fs = std::filesystem;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;
using Told = std::map<std::string, uint64_t>;

const std::string kUid = "3f0a9a4c-7d0e-4c1b-9e55-0d9b6f0d1c2a";
const std::string kPod = "/kubepods/burstable/pod" + kUid;
const std::string kContainer = kPod + "/" + std::string(64, 'c');

class RefusalTreeTest : public testing::Test {
 protected:
  RefusalTreeTest() {
    fs::create_directory(root_);
    std::ofstream(root_ / "cgroup.controllers") << "pids\n";
  }

  // What the kernel does when the limit of a group refuses forks (kernel/cgroup/pids.c:
  // pids_event).
  void Refuse(const std::string& group, uint64_t count) {
    Make(group);
    own_[group] += count;
    for (std::string path = group; !path.empty(); path.resize(path.rfind('/'))) {
      subtree_[path] += count;
      Write(path);
    }
  }
  void Make(const std::string& group) {
    for (std::string path = group; !path.empty(); path.resize(path.rfind('/'))) {
      if (fs::exists(root_ / path.substr(1))) break;
      fs::create_directories(root_ / path.substr(1));
      own_[path] = subtree_[path] = 0;
    }
    for (std::string path = group; !path.empty(); path.resize(path.rfind('/'))) Write(path);
  }
  // Those above keep what they counted for it.
  void Remove(const std::string& group) {
    // Not deleted, as a file system may give an inode again at once; the kernel does not.
    fs::rename(root_ / group.substr(1), folder_.Path("gone" + std::to_string(++removed_)));
    own_[group] = subtree_[group] = 0;
  }
  static Told Walk(RefusalTree& tree, size_t max_files = 1000) {
    Told told;
    tree.Walk(max_files, [&](const std::string& path, uint64_t count) { told[path] += count; });
    return told;
  }
  RefusalTree Open(size_t max_groups = 1000) { return {CgroupFs(root_.string()), max_groups}; }

  const TempFolder folder_;
  const fs::path root_ = folder_.Path("cgroup");

 private:
  // Rewritten in place: the same inode is the same group.
  void Write(const std::string& group) {
    const fs::path directory = root_ / group.substr(1);
    std::ofstream(directory / "pids.events") << "max " << subtree_[group] << "\n";
    std::ofstream(directory / "pids.events.local") << "max " << own_[group] << "\n";
  }
  int removed_ = 0;
  std::map<std::string, uint64_t> own_;
  std::map<std::string, uint64_t> subtree_;
};

TEST_F(RefusalTreeTest, TellsEachRefusalOnceOfTheGroupWhoseLimitItWas) {
  // Given refusals of the past
  Refuse("/system.slice/old.service", 40);
  Make(kContainer);
  RefusalTree tree = Open();
  EXPECT_THAT(Walk(tree), IsEmpty());
  // When limits of a container, of its pod, of a slice and of a group within a unit refuse
  Refuse(kContainer, 3);
  Refuse(kPod, 100);
  Refuse("/user.slice/user-1000.slice", 7);
  Refuse("/system.slice/new.service/sub", 5);
  Refuse("/system.slice/old.service", 2);
  // Then each counts where it was, and only once.
  EXPECT_THAT(Walk(tree), UnorderedElementsAre(Pair(kContainer, 3), Pair(kPod, 100),
                                               Pair("/user.slice/user-1000.slice", 7),
                                               Pair("/system.slice/new.service/sub", 5),
                                               Pair("/system.slice/old.service", 2)));
  EXPECT_THAT(Walk(tree), IsEmpty());
  Refuse(kPod, 1);
  EXPECT_THAT(Walk(tree), UnorderedElementsAre(Pair(kPod, 1)));
}

TEST_F(RefusalTreeTest, CountsAGroupThatIsGoneOnTheOneAbove) {
  Make("/system.slice/a.service");
  RefusalTree tree = Open();
  // Given a scope that refused forks and ended before anyone looked, and a unit that goes on
  Refuse("/system.slice/run-1.scope", 4);
  Refuse("/system.slice/a.service", 2);
  Remove("/system.slice/run-1.scope");
  EXPECT_THAT(Walk(tree),
              UnorderedElementsAre(Pair("/system.slice", 4), Pair("/system.slice/a.service", 2)));
  EXPECT_THAT(Walk(tree), IsEmpty());
}

TEST_F(RefusalTreeTest, KnowsAGroupThatWasMadeAnew) {
  RefusalTree tree = Open();
  Refuse("/system.slice/a.service/sub", 5);
  EXPECT_THAT(Walk(tree), UnorderedElementsAre(Pair("/system.slice/a.service/sub", 5)));
  Remove("/system.slice/a.service/sub");
  Remove("/system.slice/a.service");
  EXPECT_THAT(Walk(tree), IsEmpty());
  // Fewer than before, of the same name.
  Refuse("/system.slice/a.service/sub", 3);
  EXPECT_THAT(Walk(tree), UnorderedElementsAre(Pair("/system.slice/a.service/sub", 3)));
}

TEST_F(RefusalTreeTest, GoesOnWhereItStopped) {
  for (int i = 0; i < 20; ++i) Make("/system.slice/u" + std::to_string(i) + ".service");
  RefusalTree tree = Open();
  for (int i = 0; i < 20; ++i) Refuse("/system.slice/u" + std::to_string(i) + ".service", 1);
  // Each step takes the few files that it may read,
  Told all;
  int steps = 0;
  for (; all.size() < 20 && steps < 100; ++steps) {
    const Told some = Walk(tree, 5);
    EXPECT_LE(some.size(), 5U);
    for (const auto& [path, count] : some) all[path] += count;
  }
  EXPECT_GE(steps, 5);
  // and none is told twice or put on the group above.
  for (const auto& [path, count] : all) EXPECT_EQ(count, 1U) << path;
  EXPECT_FALSE(all.contains("/system.slice"));
  EXPECT_THAT(Walk(tree), IsEmpty());
}

TEST_F(RefusalTreeTest, AsksNobodyBelowAGroupThatDidNotGrow) {
  for (int i = 0; i < 50; ++i) Refuse("/system.slice/u" + std::to_string(i) + ".service", 1);
  RefusalTree tree = Open();
  Refuse("/user.slice", 1);
  // Two groups at the top, one of which grew: three files.
  EXPECT_THAT(Walk(tree, 3), UnorderedElementsAre(Pair("/user.slice", 1)));
}

TEST_F(RefusalTreeTest, InventsNothingWhereThereIsNoRoomForAll) {
  for (int i = 0; i < 10; ++i) Refuse("/system.slice/u" + std::to_string(i) + ".service", 100);
  RefusalTree tree = Open(3);
  for (int i = 0; i < 10; ++i) Refuse("/system.slice/u" + std::to_string(i) + ".service", 1);
  Told all = Walk(tree);
  for (const auto& [path, count] : Walk(tree)) all[path] += count;
  uint64_t sum = 0;
  for (const auto& [path, count] : all) sum += count;
  EXPECT_EQ(sum, 10U);
}

TEST_F(RefusalTreeTest, HasALabelForEachInTheSampler) {
  Make(kContainer);
  RefusalSampler sampler(CgroupFs(root_.string()), "containerd", "0::/../../init.scope\n");
  ASSERT_TRUE(sampler.status().ok()) << sampler.status();
  Refuse(kContainer, 3);
  Refuse(kPod, 100);
  Refuse("/kubepods", 2);
  Refuse("/machine.slice/systemd-nspawn@web.service", 6);
  std::vector<Refusals> refusals;
  sampler.Sample(100, refusals);
  std::map<std::string, uint64_t> by_unit;
  std::map<std::string, uint64_t> by_container;
  for (const Refusals& some : refusals) {
    if (!some.who.unit.empty()) by_unit[some.who.unit] += some.count;
    if (!some.who.container_id.empty()) by_container[some.who.container_id] += some.count;
  }
  EXPECT_THAT(by_unit, UnorderedElementsAre(Pair("kubepods.slice", 2),
                                            Pair("systemd-nspawn@web.service", 6)));
  EXPECT_THAT(by_container,
              UnorderedElementsAre(Pair("containerd://" + std::string(64, 'c'), 3),
                                   Pair("pod://" + kUid, 100), Pair("nspawn://web", 6)));
}

TEST_F(RefusalTreeTest, BeginsWithTheFirstGroupThatCounts) {
  // Given a machine without any group
  RefusalSampler sampler(CgroupFs(root_.string()), "containerd", "0::/\n");
  std::vector<Refusals> refusals;
  sampler.Sample(100, refusals);
  // When one comes
  Make("/a.service");
  sampler.Sample(100, refusals);
  Refuse("/a.service", 2);
  sampler.Sample(100, refusals);
  ASSERT_EQ(refusals.size(), 1U);
  EXPECT_EQ(refusals[0].count, 2U);
}

}  // namespace
}  // namespace cnproc
