// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/sequence_audit.h"

#include <gtest/gtest.h>

namespace cnproc {
namespace {

class SequenceAuditTest : public testing::Test {
 protected:
  void Receive(uint32_t cpu, uint32_t from, uint32_t to) {
    for (uint32_t sequence = from; sequence != to + 1; ++sequence) audit_.OnMessage(cpu, sequence);
  }
  // A loss shows one round after its neighbours were read.
  void EndTwoRounds(uint64_t drops = 0) {
    audit_.EndDrainedRound(drops);
    audit_.EndDrainedRound(drops);
  }

  SequenceAudit audit_{4};
};

TEST_F(SequenceAuditTest, NothingIsMissingFromAWholeStream) {
  audit_.SetBaseline(0, 99);
  audit_.SetBaseline(1, 999);
  Receive(0, 100, 150);
  Receive(1, 1000, 1010);
  EndTwoRounds();
  EXPECT_EQ(audit_.lost(), 0u);
}

TEST_F(SequenceAuditTest, AGapWithoutADropWasLostByTheKernel) {
  audit_.SetBaseline(0, 99);
  Receive(0, 100, 110);
  Receive(0, 114, 120);
  EndTwoRounds();
  EXPECT_EQ(audit_.lost(), 3u);
}

TEST_F(SequenceAuditTest, AGapThatTheDropsExplainIsNoLossOfTheKernel) {
  audit_.SetBaseline(0, 99);
  EndTwoRounds(/*drops=*/0);
  Receive(0, 100, 110);
  Receive(0, 114, 120);
  audit_.EndDrainedRound(/*drops=*/3);
  EXPECT_TRUE(audit_.wants_probe()) << "the last dropped event may have no later one";
  audit_.OnProbed(/*drops=*/3);
  EndTwoRounds(/*drops=*/3);
  EXPECT_EQ(audit_.lost(), 0u);
}

TEST_F(SequenceAuditTest, ADroppedTailIsSeenByTheProbe) {
  audit_.SetBaseline(0, 99);
  EndTwoRounds(0);
  Receive(0, 100, 110);
  audit_.EndDrainedRound(5);
  Receive(0, 117, 117);  // the answer to the probe: 5 were dropped, 1 was never allocated
  audit_.OnProbed(5);
  EndTwoRounds(5);
  EXPECT_EQ(audit_.lost(), 1u);
}

TEST_F(SequenceAuditTest, TheRoundThatBringsTheAnswersHasAnOrderOfTwoSocketsToo) {
  audit_.SetBaseline(0, 99);
  EndTwoRounds(0);
  audit_.EndDrainedRound(5);
  Receive(0, 105, 105);  // the answer
  Receive(0, 107, 107);  // an attribute event; 106, a life event, is still queued
  audit_.OnProbed(5);
  audit_.EndDrainedRound(5);
  Receive(0, 106, 106);
  EndTwoRounds(5);
  EXPECT_EQ(audit_.lost(), 0u);
}

TEST_F(SequenceAuditTest, AnotherDropDuringTheProbeAsksForAnother) {
  audit_.SetBaseline(0, 99);
  EndTwoRounds(0);
  audit_.EndDrainedRound(5);
  audit_.OnProbed(5);
  audit_.EndDrainedRound(6);
  EXPECT_TRUE(audit_.wants_probe());
  EXPECT_EQ(audit_.lost(), 0u);
}

TEST_F(SequenceAuditTest, TheOrderOfTwoSocketsIsNoLoss) {
  audit_.SetBaseline(0, 99);
  Receive(0, 105, 110);  // of the attribute socket
  Receive(0, 100, 104);  // of the life socket
  EndTwoRounds();
  EXPECT_EQ(audit_.lost(), 0u);
}

TEST_F(SequenceAuditTest, WhatIsStillQueuedInTheOtherSocketIsNotLost) {
  audit_.SetBaseline(0, 99);
  Receive(0, 103, 105);  // one socket is read after the other: 100 to 102 come in the next round
  audit_.EndDrainedRound(0);
  Receive(0, 100, 102);
  audit_.EndDrainedRound(0);
  EXPECT_EQ(audit_.lost(), 0u);
}

TEST_F(SequenceAuditTest, WithoutAProbeTheEarliestEventIsTheStart) {
  Receive(2, 55, 60);
  Receive(2, 50, 54);
  EndTwoRounds();
  EXPECT_EQ(audit_.lost(), 0u);
}

TEST_F(SequenceAuditTest, EventsBeforeTheBaselineCountForNothing) {
  Receive(0, 90, 95);
  audit_.SetBaseline(0, 99);
  Receive(0, 96, 98);
  Receive(0, 100, 101);
  EndTwoRounds();
  EXPECT_EQ(audit_.lost(), 0u);
}

TEST_F(SequenceAuditTest, NumbersWrapAfterThirtyTwoBits) {
  audit_.SetBaseline(0, 0xfffffff0);
  Receive(0, 0xfffffff1, 0xfffffffe);
  Receive(0, 3, 10);  // 0xffffffff, 0, 1 and 2 are missing
  EndTwoRounds();
  EXPECT_EQ(audit_.lost(), 4u);
}

TEST_F(SequenceAuditTest, CpusThatCannotBeAreLeftOut) {
  audit_.SetBaseline(0xffffffff, 1);
  Receive(0xffffffff, 5, 6);
  Receive(4, 100, 200);
  EndTwoRounds();
  EXPECT_EQ(audit_.lost(), 0u);
}

TEST_F(SequenceAuditTest, ANewSubscriptionKeepsWhatWasFound) {
  audit_.SetBaseline(0, 99);
  Receive(0, 102, 105);
  EndTwoRounds(0);
  ASSERT_EQ(audit_.lost(), 2u);

  audit_.Restart(/*drops=*/7);
  audit_.SetBaseline(0, 5000);
  Receive(0, 5001, 5002);
  Receive(0, 5004, 5004);
  EndTwoRounds(7);
  EXPECT_EQ(audit_.lost(), 3u);
}

// Of 9 that were dropped meanwhile, 5 came after their CPU's first number.
TEST_F(SequenceAuditTest, WhatWasDroppedWhileTheFirstNumbersWereDrawnIsNoLossOfTheKernel) {
  audit_.Restart(/*drops=*/0);
  audit_.SetBaseline(0, 99);
  audit_.EndBaselines(/*drops=*/9);
  audit_.EndDrainedRound(9);
  ASSERT_TRUE(audit_.wants_probe()) << "the last dropped one may have no later one";
  Receive(0, 105, 105);  // the answer
  audit_.OnProbed(9);
  EndTwoRounds(9);
  EXPECT_EQ(audit_.lost(), 0u);

  Receive(0, 108, 108);
  EndTwoRounds(9);
  EXPECT_EQ(audit_.lost(), 2u) << "what is missing later is one";
}

TEST_F(SequenceAuditTest, LossesFoundNeverShrink) {
  audit_.SetBaseline(0, 99);
  Receive(0, 101, 101);
  EndTwoRounds(0);
  ASSERT_EQ(audit_.lost(), 1u);
  audit_.EndDrainedRound(9);  // drops of a CPU that cannot be probed
  audit_.OnProbed(9);
  EndTwoRounds(9);
  EXPECT_EQ(audit_.lost(), 1u);
}

}  // namespace
}  // namespace cnproc
