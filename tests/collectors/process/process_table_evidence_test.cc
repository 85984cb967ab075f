// SPDX-License-Identifier: Apache-2.0
// What the machine says beside the stream reaches the change that it belongs to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "collectors/process/process_table.h"

namespace cnproc {
namespace {

using testing::ElementsAre;

class ProcessTableEvidenceTest : public testing::Test, private ChangeSink {
 protected:
  static ExitRecord RecordOf(pid_t tid, std::string_view comm) {
    ExitRecord record;
    record.tid = tid;
    comm.copy(record.comm.data(), record.comm.size() - 1);
    return record;
  }
  static ProcessFacts FactsOf(std::string_view comm) {
    ProcessFacts facts;
    facts.comm = comm;
    return facts;
  }

  void Apply(Event event, const Evidence& evidence = {}) {
    event.timestamp_ns = ++now_ns_;
    table_.Apply(event, evidence);
  }
  // Its record does not outlive the call.
  void Exit(pid_t tid, pid_t tgid, std::string_view comm) {
    const ExitRecord record = RecordOf(tid, comm);
    Apply({.type = EventType::kExit, .tid = tid, .tgid = tgid}, {.exit_record = &record});
  }

  ProcessTable table_{100, *this};
  std::vector<std::string> seen_;  // type of change, facts, record
  int64_t now_ns_ = 0;

 private:
  void OnChange(Change& change) override {
    seen_.push_back(
        absl::StrCat(static_cast<int>(change.type), " ",
                     change.facts == nullptr ? "-" : change.facts->comm.c_str(), " ",
                     change.record == nullptr ? "-" : std::string(change.record->comm.data())));
  }
};

std::string Seen(Change::Type type, std::string_view facts, std::string_view record) {
  return absl::StrCat(static_cast<int>(type), " ", std::string(facts), " ", std::string(record));
}

TEST_F(ProcessTableEvidenceTest, AnExecHasItsFactsAndTheRecordOfTheNextExit) {
  table_.Reconcile({}, {});
  Apply({.type = EventType::kFork, .tid = 10, .tgid = 10, .parent_tgid = 1});
  const ProcessFacts facts = FactsOf("make");
  const ExitRecord record = RecordOf(10, "cc");
  Apply({.type = EventType::kExec, .tid = 10, .tgid = 10},
        {.facts = &facts, .exec_record = &record});
  Exit(10, 10, "cc");
  EXPECT_THAT(seen_, ElementsAre(Seen(Change::Type::kProcessForked, "-", "-"),
                                 Seen(Change::Type::kExeced, "make", "cc"),
                                 Seen(Change::Type::kProcessEnded, "-", "cc")));
}

TEST_F(ProcessTableEvidenceTest, ASnapshotHasItsFacts) {
  std::vector<ProcessSnapshot> snapshots(2);
  snapshots[0].tgid = 10;
  snapshots[1].tgid = 11;
  table_.BeginScan(0);
  table_.Reconcile(snapshots, std::vector{FactsOf("ten"), FactsOf("eleven")});
  EXPECT_THAT(seen_, ElementsAre(Seen(Change::Type::kProcessAppeared, "ten", "-"),
                                 Seen(Change::Type::kProcessAppeared, "eleven", "-")));
  seen_.clear();
  table_.BeginScan(0);
  table_.Reconcile(snapshots, {});
  EXPECT_THAT(seen_, ElementsAre(Seen(Change::Type::kProcessConfirmed, "-", "-"),
                                 Seen(Change::Type::kProcessConfirmed, "-", "-")));
}

// Given exits before the first scan, which may be the end of their process or not
TEST_F(ProcessTableEvidenceTest, AHeldExitKeepsItsRecordUntilTheScan) {
  table_.BeginScan(0);
  Exit(10, 10, "ten");
  Exit(20, 20, "leader");
  Exit(21, 20, "last");
  // When the scan is done, then each has its own, and no later event's.
  const ExitRecord other = RecordOf(30, "other");
  Apply({.type = EventType::kExit, .tid = 30, .tgid = 30}, {.exit_record = &other});
  seen_.clear();
  table_.Reconcile({}, {});
  EXPECT_THAT(seen_,
              testing::UnorderedElementsAre(Seen(Change::Type::kProcessEnded, "-", "ten"),
                                            Seen(Change::Type::kProcessEnded, "-", "last"),
                                            Seen(Change::Type::kProcessEnded, "-", "other")));
}

TEST_F(ProcessTableEvidenceTest, AHeldExitThatWasNoEndHasItsOwnRecord) {
  Exit(20, 20, "leader");
  seen_.clear();
  Exit(21, 20, "thread");
  EXPECT_THAT(seen_, ElementsAre(Seen(Change::Type::kThreadExited, "-", "leader")));
  seen_.clear();
  // An exec shows that the process lives on; what the exec is given is not the exit's.
  const ExitRecord record = RecordOf(20, "program");
  Apply({.type = EventType::kExec, .tid = 20, .tgid = 20}, {.exec_record = &record});
  EXPECT_THAT(seen_, ElementsAre(Seen(Change::Type::kThreadExited, "-", "thread"),
                                 Seen(Change::Type::kExeced, "-", "program")));
}

TEST_F(ProcessTableEvidenceTest, ALifeBeginsWithTheFork) {
  table_.Reconcile({}, {});
  Apply({.type = EventType::kFork, .tid = 10, .tgid = 10, .parent_tgid = 1});
  Apply({.type = EventType::kFork, .tid = 11, .tgid = 10, .parent_tgid = 1});
  EXPECT_EQ(table_.LifeOf({.type = EventType::kExec, .tid = 10, .tgid = 10}).start_ns, 1);
  EXPECT_EQ(
      table_.LifeOf({.type = EventType::kExit, .timestamp_ns = 3, .tid = 11, .tgid = 10}).start_ns,
      2);
  EXPECT_EQ(table_.LifeOf({.type = EventType::kExit, .tid = 12, .tgid = 12}).start_ns,
            kUnknownStart);
}

TEST_F(ProcessTableEvidenceTest, TheLifeOfAnExitFromBeforeTheForkIsTheFormerHolders) {
  table_.Reconcile({}, {});
  Apply({.type = EventType::kFork, .tid = 10, .tgid = 10, .parent_tgid = 1});
  now_ns_ = 10;
  Apply({.type = EventType::kFork, .tid = 10, .tgid = 10, .parent_tgid = 1});
  const Event exit{.type = EventType::kExit, .timestamp_ns = 5, .tid = 10, .tgid = 10};
  EXPECT_EQ(table_.LifeOf(exit).start_ns, 1);
  table_.Apply(exit, {});
  EXPECT_EQ(table_.LifeOf({.type = EventType::kExec, .tid = 10, .tgid = 10}).start_ns, 11);
}

}  // namespace
}  // namespace cnproc
