// SPDX-License-Identifier: Apache-2.0
// Evidence meets events: exec facts, exit records and their order, held exits, kills.
#include "collectors/pipeline/ledger.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/collectors/who_world.h"

namespace cnproc {
namespace {

constexpr int64_t kMs = 1'000'000;

// A ledger whose batches a test puts together by hand.
class LedgerTest : public testing::Test {
 protected:
  LedgerTest() : ledger_(WhoWorld::OptionsOf({}), {0, 0}) {}

  static Event Of(EventType type, pid_t tid, pid_t tgid, int64_t timestamp_ns,
                  uint32_t wait_status = 0) {
    return {.type = type,
            .timestamp_ns = timestamp_ns,
            .tid = tid,
            .tgid = tgid,
            .parent_tid = 1,
            .parent_tgid = 1,
            .wait_status = wait_status};
  }
  void Apply(const std::vector<Event>& events, const SideEvidence& evidence, int64_t received_ns) {
    ledger_.Apply({.events = events, .received_ns = received_ns}, evidence, received_ns, 0);
  }
  void Complete() {
    ledger_.BeginScan(0);
    ledger_.Reconcile({}, {});
  }
  double Number(const std::string& series) const {
    const HostNumbers host;
    Families families;
    ledger_.Collect(
        {.host = host, .makes_progress = true}, [](auto) { return true; }, families);
    families.Sort();
    return PageOf(families, false)[series];
  }
  double Execs(const std::string& program) const {
    return Number("cnproc_program_execs_total{program=\"" + program + "\"}");
  }
  double Successes(const std::string& program) const {
    return Number("cnproc_program_exits_total{outcome=\"success\",program=\"" + program + "\"}");
  }

  Ledger ledger_;
};

TEST_F(LedgerTest, TheFactsOfABatchBelongToItsExecsInOrder) {
  Complete();
  SideEvidence evidence;
  evidence.execs = {Comm("one"), Comm("two"), Comm("three")};
  Apply({Of(EventType::kFork, 10, 10, 1 * kMs), Of(EventType::kExec, 10, 10, 2 * kMs),
         Of(EventType::kFork, 11, 11, 3 * kMs), Of(EventType::kExec, 10, 10, 4 * kMs),
         Of(EventType::kExec, 11, 11, 5 * kMs)},
        evidence, 6 * kMs);

  EXPECT_EQ(Execs("one"), 1);
  EXPECT_EQ(Execs("two"), 1);
  EXPECT_EQ(Execs("three"), 1);
  EXPECT_EQ(Number("cnproc_program_processes{program=\"two\"}"), 1);
}

TEST_F(LedgerTest, RecordsOfOneIdAreTakenInTheOrderInWhichTheyCame) {
  Complete();
  SideEvidence evidence;
  evidence.execs = {Comm(""), Comm("")};  // both were gone before they could be read
  evidence.exit_records = {RecordOf(10, "first"), RecordOf(10, "second")};
  evidence.exit_records_read_ns = 10 * kMs;
  Apply({Of(EventType::kFork, 10, 10, 1 * kMs), Of(EventType::kExec, 10, 10, 2 * kMs),
         Of(EventType::kExit, 10, 10, 3 * kMs), Of(EventType::kFork, 10, 10, 4 * kMs),
         Of(EventType::kExec, 10, 10, 5 * kMs), Of(EventType::kExit, 10, 10, 6 * kMs)},
        evidence, 10 * kMs);

  EXPECT_EQ(Execs("first"), 1);
  EXPECT_EQ(Successes("first"), 1);
  EXPECT_EQ(Execs("second"), 1);
  EXPECT_EQ(Successes("second"), 1);
}

TEST_F(LedgerTest, ARecordMayComeABatchBeforeItsExit) {
  Complete();
  SideEvidence with_record;
  with_record.execs = {Comm("")};
  with_record.exit_records = {RecordOf(10, "early", 4000)};
  with_record.exit_records_read_ns = 3 * kMs;
  Apply({Of(EventType::kFork, 10, 10, 1 * kMs), Of(EventType::kExec, 10, 10, 2 * kMs)}, with_record,
        3 * kMs);
  EXPECT_EQ(Execs("early"), 1) << "whoever is gone at its exec is named by what is to come";
  Apply({Of(EventType::kExit, 10, 10, 4 * kMs)}, {}, 5 * kMs);

  EXPECT_EQ(Successes("early"), 1);
}

TEST_F(LedgerTest, AfterALossARecordReadBeforeTheForkIsNobodys) {
  Complete();
  SideEvidence of_the_lost;
  of_the_lost.exit_records = {RecordOf(10, "lost")};
  of_the_lost.exit_records_read_ns = 1 * kMs;
  Apply({}, of_the_lost, 1 * kMs);
  ledger_.OnLoss(0, 1 * kMs, 1 * kMs);

  SideEvidence of_the_next;
  of_the_next.execs = {Comm("")};
  of_the_next.exit_records = {RecordOf(10, "next")};
  of_the_next.exit_records_read_ns = 5 * kMs;
  Apply({Of(EventType::kFork, 10, 10, 2 * kMs), Of(EventType::kExec, 10, 10, 3 * kMs),
         Of(EventType::kExit, 10, 10, 4 * kMs)},
        of_the_next, 5 * kMs);

  EXPECT_EQ(Execs("lost"), 0);
  EXPECT_EQ(Execs("next"), 1);
}

TEST_F(LedgerTest, AnExitThatIsHeldBackKeepsItsRecord) {
  // Given that the first scan runs, of a process that no event told of: its exit may be its end,
  // or that of a leader whose threads live on
  ledger_.BeginScan(0);
  SideEvidence evidence;
  evidence.exit_records = {RecordOf(10, "held", 8000)};
  evidence.exit_records_read_ns = 2 * kMs;
  Apply({Of(EventType::kExit, 10, 10, 2 * kMs, 3 << 8)}, evidence, 2 * kMs);
  EXPECT_EQ(Number("cnproc_program_exits_total{outcome=\"error\",program=\"held\"}"), 0);

  ledger_.Reconcile({}, {});

  EXPECT_EQ(Number("cnproc_program_exits_total{outcome=\"error\",program=\"held\"}"), 1);
}

TEST_F(LedgerTest, AKillIsCountedBeforeItsExitHoweverLateTheEventIs) {
  Complete();
  SideEvidence evidence;
  evidence.execs = {Comm("hog")};
  OomKill kill;
  kill.tid = 10;
  kill.in_cgroup = true;
  evidence.kills = {kill};
  // The log is ahead: the batch in which it was read begins with the victim's fork.
  Apply({Of(EventType::kFork, 10, 10, 1 * kMs), Of(EventType::kExec, 10, 10, 2 * kMs),
         Of(EventType::kExit, 10, 10, 3 * kMs, 9)},
        evidence, 4 * kMs);

  EXPECT_EQ(Number("cnproc_program_oom_kills_total{program=\"hog\"}"), 1);
  EXPECT_EQ(Number("cnproc_oom_kills_total{scope=\"cgroup\"}"), 1);
}

TEST_F(LedgerTest, AKillWithoutAnExitIsCountedAtTheNextTickThatIsCaughtUp) {
  Complete();
  SideEvidence evidence;
  OomKill kill;
  kill.tid = 4711;
  evidence.kills = {kill};
  ledger_.Tick({1 * kMs, 0}, /*caught_up=*/true, evidence);
  EXPECT_EQ(Number("cnproc_oom_kills_total{scope=\"host\"}"), 0);

  ledger_.Tick({2 * kMs, 0}, /*caught_up=*/false, {});
  EXPECT_EQ(Number("cnproc_oom_kills_total{scope=\"host\"}"), 0) << "its EXIT may be queued";

  ledger_.Tick({3 * kMs, 0}, /*caught_up=*/true, {});
  EXPECT_EQ(Number("cnproc_oom_kills_total{scope=\"host\"}"), 1);
}

TEST_F(LedgerTest, ItIsReadyOnceItIsSubscribedAndComplete) {
  EXPECT_FALSE(ledger_.Ready().ok());
  ledger_.SetStream({}, absl::OkStatus());
  EXPECT_EQ(ledger_.Ready().message(), "the first scan of /proc is not done");
  Complete();
  EXPECT_TRUE(ledger_.Ready().ok());
  ledger_.SetStream({}, absl::UnavailableError("muted"));
  EXPECT_EQ(ledger_.Ready().message(), "muted");
}

TEST_F(LedgerTest, TellsHowFullTheLabelsAreThatUserSpaceChooses) {
  Complete();
  // When more programs live than the ten for which there is room
  for (int i = 0; i < 12; ++i) {
    SideEvidence evidence;
    evidence.execs = {Comm("program" + std::to_string(i))};
    Apply({Of(EventType::kFork, 10 + i, 10 + i, i * kMs),
           Of(EventType::kExec, 10 + i, 10 + i, i * kMs)},
          evidence, i * kMs);
  }
  // Then program and, of who started whom, lineage have overflowed, and nothing else
  std::map<std::string_view, Ledger::LabelUse> uses;
  for (const Ledger::LabelUse& use : ledger_.LabelUses()) uses[use.collector] = use;
  for (const char* collector : {"program", "unit", "container", "user", "lineage"}) {
    ASSERT_TRUE(uses.contains(collector)) << collector;
    EXPECT_EQ(uses[collector].limit, 10u);
    EXPECT_EQ(uses[collector].overflows,
              Number("cnproc_label_overflows_total{dimension=\"" + std::string(collector) + "\"}"));
  }
  EXPECT_GE(uses["program"].overflows, 2u);
  EXPECT_EQ(uses["unit"].overflows, 0u);
  EXPECT_EQ(uses.size(), 5u);
}

TEST_F(LedgerTest, TellsWhatTheLatestComparisonFound) {
  Complete();
  const std::vector<ProcessSnapshot> three = {SnapshotOf(10, "a"), SnapshotOf(11, "b"),
                                              SnapshotOf(12, "c")};
  const std::vector<ProcessFacts> facts = {Comm("a"), Comm("b"), Comm("c")};
  ledger_.BeginScan(1 * kMs);
  ledger_.Reconcile(three, facts);
  EXPECT_EQ(ledger_.corrections().appeared, 3u);
  EXPECT_EQ(ledger_.corrections().vanished, 0u);

  ledger_.BeginScan(2 * kMs);
  ledger_.Reconcile({three.data(), 1}, {facts.data(), 1});
  EXPECT_EQ(ledger_.corrections().appeared, 0u);
  EXPECT_EQ(ledger_.corrections().vanished, 2u);
}

}  // namespace
}  // namespace cnproc
