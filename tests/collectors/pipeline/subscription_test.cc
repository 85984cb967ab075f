// SPDX-License-Identifier: Apache-2.0
// Forks that /proc/stat counts and the stream does not bring: a mute, a renewal, what was missed.
#include "collectors/pipeline/subscription.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "collectors/base/time.h"
#include "tests/collectors/kernel/fake_source.h"
#include "tests/collectors/pipeline/fake_procfs.h"

namespace cnproc {
namespace {

class SubscriptionTest : public testing::Test {
 protected:
  SubscriptionTest() {
    auto source = std::make_unique<FakeSource>();
    source_ = source.get();
    subscription_ = std::make_unique<Subscription>(std::move(source), &procfs_,
                                                   [](Severity, const std::string&) {});
    subscription_->Begin();
  }

  Subscription::Outcome Round(bool tick) {
    subscription_->BeginRound(/*thorough=*/false, tick);
    while (subscription_->Next()) {
    }
    return subscription_->EndRound();
  }
  // The next second's, with an audit.
  Subscription::Outcome Tick() {
    source_->AdvanceTo(source_->NowNs() + kNsPerSecond);
    return Round(/*tick=*/true);
  }
  void QueueFork(uint32_t pid, uint32_t sequence) {
    source_->Queue(SocketId::kLife, {FakeDatagram(kWhatFork, {1, 1, pid, pid}, sequence)});
  }
  const StreamStats& stats() const { return subscription_->stats(); }

  const FakeProcfs files_;
  const ProcFs procfs_{files_.root()};
  FakeSource* source_ = nullptr;
  std::unique_ptr<Subscription> subscription_;
};

TEST_F(SubscriptionTest, CountingBeginsAtTheForksThatTheKernelHadCounted) {
  EXPECT_EQ(subscription_->fork_baseline(), std::nullopt);
  Tick();
  EXPECT_EQ(subscription_->fork_baseline(), 1000U);
}

TEST_F(SubscriptionTest, AStreamThatIsSilentWhileForksHappenIsRenewed) {
  Tick();
  const int64_t agreed_ns = source_->NowNs();
  files_.KernelForks(1003);

  // One tick alone is no proof: the messages may be on their way.
  EXPECT_EQ(Tick().resync, ResyncReason::kNone);
  const Subscription::Outcome outcome = Tick();

  EXPECT_EQ(source_->subscriptions(), 1);
  EXPECT_EQ(stats().resubscriptions_muted, 1U);
  EXPECT_EQ(stats().resubscriptions_error, 0U);
  EXPECT_EQ(outcome.resync, ResyncReason::kResubscribe);
  ASSERT_TRUE(outcome.gap.has_value());
  EXPECT_EQ(outcome.gap->from_ns, agreed_ns);
  EXPECT_EQ(outcome.gap->to_ns, source_->NowNs());
  EXPECT_TRUE(subscription_->status().ok());
}

TEST_F(SubscriptionTest, AfterARenewalTheForksThatNobodyBroughtAreCountedOnce) {
  Tick();
  files_.KernelForks(1003);
  Tick();
  Tick();
  EXPECT_TRUE(subscription_->wants_round_now());
  Round(/*tick=*/false);
  EXPECT_EQ(stats().forks_unsubscribed, 3U);

  Tick();
  Tick();
  EXPECT_EQ(stats().forks_unsubscribed, 3U);
  EXPECT_EQ(stats().resubscriptions_muted, 1U);
}

TEST_F(SubscriptionTest, AStreamThatBringsEveryForkIsLeftAlone) {
  Tick();
  for (uint32_t i = 0; i < 3; ++i) {
    files_.KernelForks(1001 + static_cast<int>(i));
    QueueFork(10 + i, i);
    EXPECT_EQ(Tick().resync, ResyncReason::kNone);
  }
  EXPECT_EQ(source_->subscriptions(), 0);
}

TEST_F(SubscriptionTest, AStreamThatBringsAnythingIsNotMuted) {
  Tick();
  files_.KernelForks(1010);
  for (uint32_t i = 0; i < 3; ++i) {
    QueueFork(10 + i, i);
    EXPECT_EQ(Tick().resync, ResyncReason::kNone);
  }
  EXPECT_EQ(source_->subscriptions(), 0);
}

TEST_F(SubscriptionTest, ABrokenSourceIsRenewedAtEveryRoundUntilItSucceeds) {
  Tick();
  source_->RefuseSubscriptions(absl::PermissionDeniedError("refused"));
  source_->Break();
  Round(/*tick=*/false);
  EXPECT_TRUE(subscription_->is_broken());
  EXPECT_TRUE(absl::IsPermissionDenied(subscription_->status()));
  Round(/*tick=*/false);
  EXPECT_TRUE(subscription_->is_broken());

  source_->RefuseSubscriptions(absl::OkStatus());
  const Subscription::Outcome outcome = Round(/*tick=*/false);
  EXPECT_FALSE(subscription_->is_broken());
  EXPECT_TRUE(subscription_->status().ok());
  EXPECT_EQ(outcome.resync, ResyncReason::kResubscribe);
  EXPECT_EQ(stats().resubscriptions_error, 1U);
}

}  // namespace
}  // namespace cnproc
