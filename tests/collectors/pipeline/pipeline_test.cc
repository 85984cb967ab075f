// SPDX-License-Identifier: Apache-2.0
// The collector thread, and what it does when the source fails it.
#include "collectors/pipeline/pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/collectors/pipeline/pipeline_lab.h"

namespace cnproc {
namespace {

using testing::HasSubstr;

using PipelineTest = PipelineLab;

TEST_F(PipelineTest, IsReadyOnceProcWasScanned) {
  EXPECT_FALSE(pipeline_->Ready().ok());
  Start();
  Page page = GatherInTime();
  EXPECT_EQ(page["cnproc_up{}"], 1);
  EXPECT_EQ(page["cnproc_processes{}"], 2);
  EXPECT_EQ(page["cnproc_resyncs_total{reason=\"loss\"}"], 0);
}

TEST_F(PipelineTest, DropsAreLostEventsAndAskForAResync) {
  Start();
  // When events are dropped, of which some were an exit and a fork
  procfs_.EndProcess("7");
  procfs_.AddProcess("8");
  procfs_.AddProcess("9");
  source_->Do([](FakeSource& fake) {
    fake.Drop(SocketId::kLife, 5);
    fake.Drop(SocketId::kAttribute, 3);
  });
  // Then they are counted at once
  Page page = GatherInTime();
  EXPECT_EQ(page[kLostInBuffer], 5);
  EXPECT_EQ(page["cnproc_events_lost_total{reason=\"attribute_buffer\"}"], 3);
  EXPECT_EQ(page["cnproc_processes{}"], 2);
  // And /proc is compared a while after the scan before
  AdvanceBySeconds(5);
  EXPECT_TRUE(IsShown("cnproc_resyncs_total{reason=\"loss\"}", 1));
  page = GatherInTime();
  EXPECT_EQ(page["cnproc_processes{}"], 3);
  EXPECT_EQ(page["cnproc_processes_reconciled_total{change=\"vanished\"}"], 1);
  EXPECT_EQ(page["cnproc_processes_reconciled_total{change=\"appeared\"}"], 2);
  EXPECT_EQ(page["cnproc_resyncs_total{reason=\"resubscribe\"}"], 0);
  // And the log has both
  EXPECT_TRUE(Eventually([this] { return Log().find("compared the process") != Log().npos; }));
  EXPECT_THAT(Log(), HasSubstr("lost "));
  EXPECT_THAT(Log(), HasSubstr("5 in the receive buffer"));
  EXPECT_THAT(Log(), HasSubstr("begun unseen: 2, that had ended unseen: 1\n"));
}

TEST_F(PipelineTest, ABrokenSourceIsSubscribedAgain) {
  Start();
  ASSERT_EQ(GatherInTime()[kErrors], 0);

  source_->Do([](FakeSource& fake) { fake.Break(); });
  EXPECT_TRUE(IsShown(kErrors, 1));
  AdvanceBySeconds(5);
  EXPECT_TRUE(IsShown("cnproc_resyncs_total{reason=\"resubscribe\"}", 1));

  Queue(SocketId::kLife, {Fork(10, 1)});
  Page page = GatherInTime();
  EXPECT_EQ(page["cnproc_up{}"], 1);
  EXPECT_EQ(page[kForks], 1);
  EXPECT_EQ(page[kErrors], 1);
  EXPECT_EQ(page["cnproc_resubscriptions_total{reason=\"muted\"}"], 0);
  EXPECT_TRUE(Errors().empty());
  EXPECT_THAT(Log(), HasSubstr("the fake is broken; subscribed again\n"));
}

TEST_F(PipelineTest, WhileItCannotSubscribeItIsNotUpAndSaysWhy) {
  Start();
  // When the source breaks and nothing brings it back, while the kernel forks on
  source_->Do([](FakeSource& fake) {
    fake.RefuseSubscriptions(absl::UnavailableError("no socket is to be had"));
    fake.Break();
  });
  EXPECT_TRUE(IsShown("cnproc_up{}", 0));
  procfs_.KernelForks(1007);
  EXPECT_THAT(std::string(pipeline_->Ready().message()), HasSubstr("no socket is to be had"));
  EXPECT_TRUE(pipeline_->MakesProgress());
  // Then a tick changes nothing, and the log has it once
  AdvanceBySeconds(1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(GatherInTime()["cnproc_up{}"], 0);
  EXPECT_EQ(Gather()[kErrors], 0);
  ASSERT_EQ(Errors().size(), 1u);
  EXPECT_THAT(Errors()[0], HasSubstr("no socket is to be had"));
  // And it heals once the source does
  source_->Do([](FakeSource& fake) { fake.RefuseSubscriptions(absl::OkStatus()); });
  EXPECT_TRUE(IsShown("cnproc_up{}", 1));
  EXPECT_TRUE(pipeline_->Ready().ok());
  Page page = GatherInTime();
  EXPECT_EQ(page[kErrors], 1);
  EXPECT_EQ(page["cnproc_events_lost_total{reason=\"unsubscribed\"}"], 7);
}

TEST_F(PipelineTest, AThreadThatNeverComesRoundMakesNoProgress) {
  source_->StallFromTheStart();
  pipeline_->Start();

  EXPECT_EQ(Gather()["cnproc_up{}"], 0);
  EXPECT_FALSE(pipeline_->MakesProgress());
  EXPECT_THAT(std::string(pipeline_->Ready().message()), HasSubstr("makes no progress"));

  source_->Release();
  EXPECT_TRUE(IsShown("cnproc_up{}", 1));
  EXPECT_TRUE(pipeline_->MakesProgress());
}

}  // namespace
}  // namespace cnproc
