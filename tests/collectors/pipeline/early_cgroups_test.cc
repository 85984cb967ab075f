// SPDX-License-Identifier: Apache-2.0
#include "collectors/pipeline/early_cgroups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace cnproc {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int64_t kStartNs = 100 * kNsPerSecond;

class EarlyCgroupsTest : public testing::Test {
 protected:
  EarlyCgroupsTest() { LookAt(kStartNs); }

  void LookAt(int64_t now_ns) {
    early_.LookAtDue(now_ns, [this](pid_t tgid) -> std::shared_ptr<const CgroupFacts> {
      read_.push_back(tgid);
      return cgroups_[tgid];
    });
  }
  void PutInto(pid_t tgid, const std::string& container) {
    CgroupFacts facts;
    facts.identity.container_id = container;
    cgroups_[tgid] = std::make_shared<CgroupFacts>(facts);
  }

  EarlyCgroups early_;
  std::map<pid_t, std::shared_ptr<const CgroupFacts>> cgroups_;
  std::vector<pid_t> read_;
};

TEST_F(EarlyCgroupsTest, AChildThatWaitsForItsExecIsLookedAtAhead) {
  PutInto(10, "podman://1");
  early_.OnFork(10, kStartNs, /*of_runtime=*/false);
  LookAt(kStartNs + 9 * kNsPerMs);
  EXPECT_THAT(read_, IsEmpty());
  LookAt(kStartNs + 10 * kNsPerMs);
  EXPECT_THAT(read_, ElementsAre(10));

  const auto taken = early_.TakeAtExec(10);
  ASSERT_NE(taken, nullptr);
  EXPECT_EQ(taken->identity.container_id, "podman://1");
  EXPECT_EQ(early_.TakeAtExec(10), nullptr) << "a second exec is not the child's first";
  LookAt(kStartNs + kNsPerSecond);
  EXPECT_THAT(read_, ElementsAre(10)) << "whoever has exec'd waits no more";
}

TEST_F(EarlyCgroupsTest, AnEngineMayMoveItsChildLater) {
  early_.OnFork(10, kStartNs, /*of_runtime=*/false);
  LookAt(kStartNs + 10 * kNsPerMs);
  PutInto(10, "podman://1");
  LookAt(kStartNs + 40 * kNsPerMs);
  EXPECT_EQ(early_.TakeAtExec(10)->identity.container_id, "podman://1");
}

TEST_F(EarlyCgroupsTest, AStormOfShortLivesReadsNothing) {
  for (pid_t pid = 100; pid < 10'000; ++pid) {
    early_.OnFork(pid, kStartNs + pid * 1000, /*of_runtime=*/false);
    early_.OnExit(pid);
  }
  EXPECT_EQ(early_.NextDueNs(), std::nullopt);
  LookAt(kStartNs + kNsPerSecond);
  EXPECT_THAT(read_, IsEmpty());
}

TEST_F(EarlyCgroupsTest, AStormOfLongLivesIsReadWithinABudget) {
  for (pid_t pid = 100; pid < 2100; ++pid) early_.OnFork(pid, kStartNs, /*of_runtime=*/false);
  LookAt(kStartNs + kNsPerSecond);
  EXPECT_EQ(read_.size(), 700u);
  EXPECT_EQ(early_.NextDueNs(), kStartNs + kNsPerSecond + EarlyCgroups::kReadingPriceNs);
  LookAt(kStartNs + kNsPerSecond);
  EXPECT_EQ(read_.size(), 700u);
  LookAt(kStartNs + kNsPerSecond + 20 * kNsPerMs);
  EXPECT_EQ(read_.size(), 720u);
}

TEST_F(EarlyCgroupsTest, ThatBudgetLeavesSomeForRuntimes) {
  for (pid_t pid = 100; pid < 2000; ++pid) early_.OnFork(pid, kStartNs, /*of_runtime=*/false);
  LookAt(kStartNs + kNsPerSecond);
  read_.clear();
  early_.OnFork(2047, kStartNs + kNsPerSecond, /*of_runtime=*/true);
  LookAt(kStartNs + kNsPerSecond);
  EXPECT_THAT(read_, ElementsAre(2047));
}

TEST_F(EarlyCgroupsTest, AnIdThatIsGivenAgainIsAnotherChild) {
  PutInto(10, "old");
  early_.OnFork(10, kStartNs, /*of_runtime=*/false);
  LookAt(kStartNs + 10 * kNsPerMs);
  early_.OnExit(10);
  early_.OnFork(10, kStartNs + 20 * kNsPerMs, /*of_runtime=*/false);
  EXPECT_EQ(early_.NextDueNs(), kStartNs + 30 * kNsPerMs);
  EXPECT_EQ(early_.TakeAtExec(10), nullptr);
}

TEST_F(EarlyCgroupsTest, TheOldestChildGivesWay) {
  early_.OnFork(10, kStartNs, /*of_runtime=*/false);
  const pid_t same_place = 10 + static_cast<pid_t>(EarlyCgroups::kMaxChildren);
  PutInto(same_place, "new");
  early_.OnFork(same_place, kStartNs + 1, /*of_runtime=*/false);
  LookAt(kStartNs + 20 * kNsPerMs);
  EXPECT_THAT(read_, ElementsAre(same_place));
  EXPECT_EQ(early_.TakeAtExec(10), nullptr);
  EXPECT_NE(early_.TakeAtExec(same_place), nullptr);
}

TEST_F(EarlyCgroupsTest, ARuntimesChildIsLookedAtAgainAndAgainUntilItsExec) {
  early_.OnFork(10, kStartNs, /*of_runtime=*/true);
  EXPECT_EQ(early_.NextDueNs(), kStartNs);
  LookAt(kStartNs);
  EXPECT_EQ(early_.NextDueNs(), kStartNs + EarlyCgroups::kRuntimePaceNs);
  LookAt(kStartNs + 8 * kNsPerMs);
  PutInto(10, "podman://1");
  LookAt(kStartNs + 13 * kNsPerMs);
  EXPECT_THAT(read_, ElementsAre(10, 10, 10));
  EXPECT_EQ(early_.TakeAtExec(10)->identity.container_id, "podman://1");
  EXPECT_EQ(early_.NextDueNs(), std::nullopt);
}

TEST_F(EarlyCgroupsTest, ARuntimesChildThatNeverExecsIsLeftAlone) {
  early_.OnFork(10, kStartNs, /*of_runtime=*/true);
  for (int64_t ms = 0; ms < 3000; ++ms) LookAt(kStartNs + ms * kNsPerMs);
  EXPECT_LE(read_.size(), 252u);
  EXPECT_EQ(early_.NextDueNs(), std::nullopt);
}

}  // namespace
}  // namespace cnproc
