// SPDX-License-Identifier: Apache-2.0
// Whatever events come, in whatever order, the table keeps what it promises of itself. The rest of
// it are assertions in the table, where they are compiled in.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "collectors/process/process_table.h"

namespace cnproc {
namespace {

constexpr size_t kMaxTasks = 16;
constexpr int64_t kStepNs = 10'000'000;

// Processes by what was emitted.
class Balance final : public ChangeSink {
 public:
  int64_t processes = 0;
  int64_t negative_lives = 0;

 private:
  void OnChange(Change& change) override {
    const bool begins = change.type == Change::Type::kProcessForked ||
                        change.type == Change::Type::kProcessAppeared;
    const bool ends =
        change.type == Change::Type::kProcessEnded || change.type == Change::Type::kProcessVanished;
    processes += begins ? 1 : ends ? -1 : 0;
    if (change.type == Change::Type::kProcessEnded &&
        change.process->start_ns > change.timestamp_ns) {
      ++negative_lives;
    }
  }
};

class Chaos {
 public:
  explicit Chaos(uint32_t seed) : random_(seed) {}

  // Ids come round at once, and events come up to three steps late.
  Event NextEvent() {
    now_ns_ += kStepNs;
    Event event;
    event.type = kTypes[Below(std::size(kTypes))];
    event.timestamp_ns = now_ns_ - static_cast<int64_t>(Below(4)) * kStepNs;
    event.tgid = static_cast<pid_t>(Below(12) + 1);
    event.tid = Below(2) == 0 ? event.tgid : static_cast<pid_t>(Below(12) + 1);
    if (event.type == EventType::kExec) event.tid = event.tgid;
    event.parent_tgid = static_cast<pid_t>(Below(3));
    event.wait_status = static_cast<uint32_t>(Below(3)) << 8;
    event.effective_id = static_cast<uint32_t>(Below(2));
    return event;
  }
  std::vector<ProcessSnapshot> Scan() {
    std::vector<ProcessSnapshot> snapshots;
    for (pid_t tgid = 1; tgid <= 12; ++tgid) {
      if (Below(2) == 0) continue;
      ProcessSnapshot& snapshot = snapshots.emplace_back();
      snapshot.tgid = tgid;
      snapshot.start_ns = static_cast<int64_t>(Below(2)) * 2 * now_ns_;
      snapshot.leader_exited = Below(4) == 0;
      for (pid_t tid = 13; tid <= 15; ++tid) {
        if (Below(8) == 0) snapshot.other_threads.push_back(tid);
      }
    }
    return snapshots;
  }
  ExitRecord Record() {
    ExitRecord record;
    record.last_of_group = Below(2) == 0;
    return record;
  }
  size_t Below(size_t bound) { return random_() % bound; }
  int64_t now_ns() const { return now_ns_; }

 private:
  static constexpr EventType kTypes[] = {EventType::kFork, EventType::kFork, EventType::kFork,
                                         EventType::kExit, EventType::kExit, EventType::kExit,
                                         EventType::kExec, EventType::kUid,  EventType::kCoredump};

  std::mt19937 random_;
  int64_t now_ns_ = 1'000'000'000;
};

TEST(ProcessTablePromisesTest, HoldWhateverComes) {
  for (uint32_t seed = 1; seed <= 50; ++seed) {
    Chaos chaos(seed);
    Balance balance;
    ProcessTable table(kMaxTasks, balance);
    bool scanning = false;
    for (int step = 0; step < 2000; ++step) {
      const ExitRecord record = chaos.Record();
      table.Apply(chaos.NextEvent(), {.exit_record = chaos.Below(2) == 0 ? &record : nullptr});
      if (chaos.Below(50) == 0) table.EmitDue(chaos.now_ns());
      if (chaos.Below(100) == 0) {
        if (scanning) {
          table.Reconcile(chaos.Scan(), {});
        } else {
          table.BeginScan(chaos.now_ns());
        }
        scanning = !scanning;
      }
      ASSERT_EQ(balance.processes, static_cast<int64_t>(table.processes())) << seed << ' ' << step;
      ASSERT_LE(table.processes(), kMaxTasks + ProcessTable::kMaxFormers);
      ASSERT_EQ(balance.negative_lives, 0);
    }
    // Whom nobody hears of again is waited for no longer than a second.
    table.EmitDue(chaos.now_ns() + 2'000'000'000);
    ASSERT_LE(table.processes(), kMaxTasks);
    ASSERT_LE(table.threads(), kMaxTasks);
  }
}

}  // namespace
}  // namespace cnproc
