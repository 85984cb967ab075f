// SPDX-License-Identifier: Apache-2.0
// Scenarios of the process table as text: on each line an event and, after a bar, the changes that
// it is to cause (none, or several with commas between).
//
//   fork 1 -> 10          process 1 forks process 10
//   thread 10:11          process 10 starts thread 11
//   exec 10               process 10 execs
//   exit 10 256           the leader of 10 exits with that wait status
//   exit 10:11 0          its thread 11 does
//   exit 10 256 last      as above, and its record says that it entered do_exit last
//   exit 10 0 unreaped    as above, its parent has not waited for it yet
//   uid 10 1000/0         10 changes its real and effective uid
//   uid 10:11 0/0         its thread 11 alone does
//   gid, sid, attach, detach, comm, core  10
//   scan                  a scan of /proc begins
//   seen 10 +11 +12       the scan shows process 10 with other threads 11 and 12
//   seen-late 10          as seen, but with a start a second ago: another process with this id
//   seen-ahead 10         as seen, but with a start in the future: another time namespace
//   seen-zombie 10 +11    as seen, but its leader has exited
//   reconcile             the scan ends
//   time                  nothing happens, but what waited for time is due
//
// Each line happens 1 ms after the one before, or later by `@SECONDS` at its end. With `~MS` at its
// end the event was made that long before it comes.
#ifndef CNPROC_TESTS_COLLECTORS_PROCESS_SCENARIO_H_
#define CNPROC_TESTS_COLLECTORS_PROCESS_SCENARIO_H_

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "collectors/process/process_table.h"

namespace cnproc {

class Scenario : private ChangeSink {
 public:
  explicit Scenario(size_t max_tasks = 1000) : table_(max_tasks, *this) {}

  // Plays the lines and holds each against its expectation, as GoogleTest failures.
  void Play(std::string_view lines);
  const ProcessTable& table() const { return table_; }

 private:
  void OnChange(Change& change) override;
  void PlayLine(const std::string& action);
  void PlayEvent(const std::vector<std::string>& words);

  int64_t now_ns_ = 0;
  int64_t late_ns_ = 0;  // by which the event of this line comes late
  std::string changes_;
  std::vector<ProcessSnapshot> seen_;
  ProcessTable table_;
};

class ScenarioTest : public testing::Test {
 protected:
  void Play(std::string_view lines) { scenario_.Play(lines); }
  const ProcessTable& table() const { return scenario_.table(); }

 private:
  Scenario scenario_;
};

// Every test begins with a table that the first scan has completed: process 1 lives.
class CompleteTableTest : public ScenarioTest {
 protected:
  CompleteTableTest() {
    Play(R"(
      scan      |
      seen 1    |
      reconcile | appeared 1 at start
    )");
  }
};

}  // namespace cnproc

#endif  // CNPROC_TESTS_COLLECTORS_PROCESS_SCENARIO_H_
