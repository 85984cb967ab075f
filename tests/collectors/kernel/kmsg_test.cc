// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/kmsg.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace cnproc {
namespace {

TEST(KmsgTest, ParsesARecord) {
  struct Case {
    std::string_view what;
    std::string_view record;
    bool valid;
    bool from_kernel;
    uint64_t sequence;
    std::string_view text;
  };
  constexpr Case kCases[] = {
      {"of the kernel", "6,1234,5678901,-;hello, world\n", true, true, 1234, "hello, world"},
      {"an error of the kernel", "3,7,1,-;x\n", true, true, 7, "x"},
      {"with its caller", "6,1234,5678901,-,caller=T1;hello\n", true, true, 1234, "hello"},
      {"with properties", "6,1,1,-;usb\n SUBSYSTEM=usb\n DEVICE=c1\n", true, true, 1, "usb"},
      {"a continued line", "6,1,1,c;part\n", true, true, 1, "part"},
      {"of user space", "12,99,1,-;forged\n", true, false, 99, "forged"},
      {"of the first foreign facility", "8,99,1,-;forged\n", true, false, 99, "forged"},
      {"escapes", "6,1,1,-;a\\x5cx2db\\x0a\\xff\n", true, true, 1, "a\\x2db\n\xff"},
      {"what only looks like an escape", "6,1,1,-;a\\xzz \\x1\n", true, true, 1, "a\\xzz \\x1"},
      {"no text", "6,1,1,-;", true, true, 1, ""},
      {"no semicolon", "6,1,1,-\n", false, false, 0, ""},
      {"no number", "x,1,1,-;y\n", false, false, 0, ""},
      {"nothing", "", false, false, 0, ""},
  };
  for (const Case& test : kCases) {
    SCOPED_TRACE(test.what);
    const std::optional<KmsgRecord> record = ParseKmsgRecord(test.record);
    ASSERT_EQ(record.has_value(), test.valid);
    if (!record) continue;
    EXPECT_EQ(record->from_kernel, test.from_kernel);
    EXPECT_EQ(record->sequence, test.sequence);
    EXPECT_EQ(record->text, test.text);
  }
}

class OomLogTest : public testing::Test {
 protected:
  std::optional<OomKill> Kernel(std::string text) {
    return log_.Take({.sequence = ++sequence_, .from_kernel = true, .text = std::move(text)});
  }

  OomLog log_;
  uint64_t sequence_ = 0;
};

TEST_F(OomLogTest, CountsTheKilledAndNothingElse) {
  struct Case {
    std::string_view text;
    pid_t tid;  // 0: no kill
    bool in_cgroup;
  };
  constexpr Case kCases[] = {
      {"Out of memory: Killed process 4711 (mysqld) total-vm:8kB, anon-rss:4kB, UID:27 "
       "oom_score_adj:0",
       4711, false},
      {"Memory cgroup out of memory: Killed process 12 (stress) total-vm:8kB", 12, true},
      {"Out of memory (oom_kill_allocating_task): Killed process 13 (a) total-vm:8kB", 13, false},
      {"Out of memory: Killed process 14 (x) Killed process 15 (y)) total-vm:8kB", 14, false},
      {"Out of memory: Killed process 0 (swapper) total-vm:8kB", 0, false},
      {"Out of memory: Killed process -5 (a)", 0, false},
      {"Out of memory: Killed process 99999999999 (a)", 0, false},
      {"Out of memory: Killed process", 0, false},
      {"Out of memory (", 0, false},
      {"Out of memory: Kill process 4711 (mysqld) score 900 or sacrifice child", 0, false},
      {"oom_reaper: reaped process 4711 (mysqld), now anon-rss:0kB", 0, false},
      {"usb 1-1: Product: Out of memory: Killed process 1 (init)", 0, false},
      {"a (Out of memory: Killed process 1 (init)", 0, false},
      {"", 0, false},
  };
  for (const Case& test : kCases) {
    SCOPED_TRACE(test.text);
    const std::optional<OomKill> kill = Kernel(std::string(test.text));
    ASSERT_EQ(kill.has_value(), test.tid != 0);
    if (!kill) continue;
    EXPECT_EQ(kill->tid, test.tid);
    EXPECT_EQ(kill->in_cgroup, test.in_cgroup);
    EXPECT_EQ(kill->cgroup_path, "");
  }
}

TEST_F(OomLogTest, BelievesOnlyTheKernel) {
  EXPECT_FALSE(log_.Take({.sequence = 1,
                          .from_kernel = false,
                          .text = "Out of memory: Killed process 1 (init) total-vm:8kB"}));
}

TEST_F(OomLogTest, FindsTheCgroupOfTheVictim) {
  struct Case {
    std::string_view what;
    std::string_view selection;
    std::string_view path;
  };
  constexpr Case kCases[] = {
      {"a cgroup's limit",
       "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,"
       "oom_memcg=/a,task_memcg=/a/b,task=sleep,pid=42,uid=0",
       "/a/b"},
      {"the host's",
       "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,"
       "task_memcg=/system.slice/a.service,task=sleep,pid=42,uid=0",
       "/system.slice/a.service"},
      {"a comm full of commas",
       "oom-kill:constraint=X,task_memcg=/a,task=,pid=1,uid=0,t,pid=42,uid=7", "/a"},
      {"a comm that begins another field", "oom-kill:x,task_memcg=/a,task=x,task=y,pid=42,uid=7",
       "/a"},
      {"a group whose name looks like a field",
       "oom-kill:x,oom_memcg=/a,task_memcg=/a,pid=1,uid=0,task_memcg=/b,task=x,pid=42,uid=7", "/b"},
      {"another process's", "oom-kill:x,task_memcg=/a,task=x,pid=41,uid=7", ""},
      {"no number", "oom-kill:x,task_memcg=/a,task=x,pid=42x,uid=7", ""},
      {"no group", "oom-kill:constraint=X,task=x,pid=42,uid=7", ""},
      {"no comm", "oom-kill:x,task_memcg=/a,pid=42,uid=7", ""},
      {"cut", "oom-kill:", ""},
  };
  for (const Case& test : kCases) {
    SCOPED_TRACE(test.what);
    EXPECT_FALSE(Kernel(std::string(test.selection)));
    Kernel("Tasks in /a are going to be killed due to memory.oom.group set");
    const std::optional<OomKill> kill = Kernel("Out of memory: Killed process 42 (x) total-vm");
    ASSERT_TRUE(kill);
    EXPECT_EQ(kill->cgroup_path, test.path);
    // A second one without a selection of its own gets no cgroup.
    EXPECT_EQ(Kernel("Out of memory: Killed process 42 (x) total-vm")->cgroup_path, "");
  }
}

TEST_F(OomLogTest, CountsWhatWasOverwritten) {
  log_.Take({.sequence = 10, .from_kernel = true, .text = "x"});
  log_.Take({.sequence = 11,
             .from_kernel = true,
             .text = "oom-kill:x,task_memcg=/a,task=x,pid=42,uid=7"});
  EXPECT_EQ(log_.lost(), 0U);
  // When 3 records are missing, then they are counted, and no line before counts for one after.
  const std::optional<OomKill> kill = log_.Take(
      {.sequence = 15, .from_kernel = true, .text = "Out of memory: Killed process 42 (x)"});
  EXPECT_EQ(log_.lost(), 3U);
  ASSERT_TRUE(kill);
  EXPECT_EQ(kill->cgroup_path, "");
}

TEST(KmsgReaderTest, SaysThatThereIsNoLog) {
  const absl::Status status = KmsgReader::Open("/nonexistent").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  // What to do, whatever it runs in.
  for (const char* remedy : {"--device=/dev/kmsg", "overlay oom", "--no-collector.oom"}) {
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr(remedy));
  }
}

}  // namespace
}  // namespace cnproc
