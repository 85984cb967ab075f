// SPDX-License-Identifier: Apache-2.0
// Scans of /proc that come to their end, and scans that are abandoned and tried again.
#include "collectors/pipeline/reconciler.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "collectors/base/time.h"
#include "tests/collectors/kernel/fake_source.h"
#include "tests/collectors/pipeline/fake_procfs.h"
#include "tests/collectors/who_world.h"

namespace cnproc {
namespace {

constexpr size_t kMaxTasks = 4;

class ReconcilerTest : public testing::Test {
 protected:
  // After a round that emptied the life socket.
  ResyncReason Step(int64_t now_ns) { return reconciler_.Step(/*life_drained=*/true, now_ns); }
  // Until nothing is to be done at once.
  ResyncReason Finish(int64_t now_ns) {
    ResyncReason reason = ResyncReason::kNone;
    while (reason == ResyncReason::kNone && reconciler_.is_busy()) reason = Step(now_ns);
    return reason;
  }
  void Fork(pid_t pid, int64_t timestamp_ns) {
    const std::vector<Event> events = {{.type = EventType::kFork,
                                        .timestamp_ns = timestamp_ns,
                                        .tid = pid,
                                        .tgid = pid,
                                        .parent_tid = 1,
                                        .parent_tgid = 1}};
    ledger_.Lock()->Apply({.events = events, .received_ns = timestamp_ns}, SideEvidence{},
                          timestamp_ns, 0);
  }
  bool IsComplete() { return ledger_.Lock()->table().is_complete(); }
  size_t Processes() { return ledger_.Lock()->table().processes(); }
  absl::Status ScanStatus() { return ledger_.Lock()->scan_status(); }

  static LedgerOptions MakeOptions() {
    LedgerOptions options = WhoWorld::OptionsOf({});
    options.max_tasks = kMaxTasks;
    return options;
  }

  const FakeProcfs files_;
  const ProcFs procfs_{files_.root()};
  FakeSource names_;
  SideSources side_{SideInputs{}, names_};
  Guarded<Ledger> ledger_{MakeOptions(), Moment{}};
  std::vector<std::string> said_;
  Reconciler reconciler_{
      procfs_,
      side_,
      ledger_,
      {.with_cgroups = false,
       .say = [this](Severity, const std::string& message) { said_.push_back(message); }}};
};

TEST_F(ReconcilerTest, NothingIsReadUntilSomebodyAsks) {
  files_.AddProcess("1");
  EXPECT_EQ(Step(0), ResyncReason::kNone);
  EXPECT_FALSE(reconciler_.is_busy());
}

TEST_F(ReconcilerTest, TheTableIsCorrectedOnceTheEventsOfTheScanAreApplied) {
  files_.AddProcess("1");
  files_.AddProcess("7");
  reconciler_.Request(ResyncReason::kStart);
  Step(0);
  Step(0);
  EXPECT_EQ(reconciler_.Step(/*life_drained=*/false, 0), ResyncReason::kNone);
  EXPECT_TRUE(reconciler_.is_busy());
  EXPECT_FALSE(IsComplete());

  EXPECT_EQ(Step(0), ResyncReason::kStart);
  EXPECT_FALSE(reconciler_.is_busy());
  EXPECT_TRUE(IsComplete());
  EXPECT_EQ(Processes(), 2U);
}

TEST_F(ReconcilerTest, AScanDuringWhichTooMuchHappensIsAbandonedAndTriedAgain) {
  files_.AddProcess("1");
  reconciler_.Request(ResyncReason::kStart);
  Step(0);
  for (pid_t pid = 10; pid < 20; ++pid) Fork(pid, pid);

  EXPECT_EQ(Step(20), ResyncReason::kNone);
  EXPECT_FALSE(reconciler_.is_busy());
  EXPECT_FALSE(IsComplete());
  // Not at once: whatever happens may go on.
  Step(kNsPerSecond / 2);
  EXPECT_FALSE(reconciler_.is_busy());

  Step(2 * kNsPerSecond);
  EXPECT_TRUE(reconciler_.is_busy());
  EXPECT_EQ(Finish(2 * kNsPerSecond), ResyncReason::kStart);
  EXPECT_TRUE(IsComplete());
  EXPECT_EQ(Processes(), 1U);
  EXPECT_TRUE(said_.empty());
}

TEST_F(ReconcilerTest, WhereProcHidesProcessesTheTableGoesOnByEventsAloneAndSaysSoOnce) {
  // Not even the first process can be seen.
  reconciler_.Request(ResyncReason::kStart);
  Step(0);
  EXPECT_FALSE(reconciler_.is_busy());
  EXPECT_TRUE(absl::IsPermissionDenied(ScanStatus())) << ScanStatus();
  EXPECT_TRUE(IsComplete());
  Step(2 * kNsPerSecond);
  ASSERT_EQ(said_.size(), 1U);
  EXPECT_NE(said_[0].find("hidepid"), std::string::npos) << said_[0];

  files_.AddProcess("1");
  Step(4 * kNsPerSecond);
  EXPECT_EQ(Finish(4 * kNsPerSecond), ResyncReason::kStart);
  EXPECT_TRUE(ScanStatus().ok());
  EXPECT_EQ(Processes(), 1U);
}

}  // namespace
}  // namespace cnproc
