// SPDX-License-Identifier: Apache-2.0
// The real kernel's exit records: needs root in the initial namespaces.
#include "collectors/kernel/taskstats_socket.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/e2e/harness/exporter.h"
#include "tests/e2e/harness/machine.h"

namespace cnproc {
namespace {

constexpr uint32_t kReceiveBufferBytes = 8 << 20;
// ThreadSanitizer gives each process a thread of its own, which outlives the others.
#ifdef __SANITIZE_THREAD__
constexpr size_t kSanitizerThreads = 1;
#else
constexpr size_t kSanitizerThreads = 0;
#endif

pid_t Fork(const std::function<void()>& child) {
  const pid_t pid = fork();
  if (pid == 0) {
    child();
    _exit(0);
  }
  return pid;
}

int Reap(pid_t pid) {
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return status;
}

// From version 12 of the record on.
bool RecordsTellTheGroup() { return e2e::KernelVersion() >= std::pair(5, 19); }

class TaskstatsSocketTest : public testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<TaskstatsSocket> socket = TaskstatsSocket::Open(kReceiveBufferBytes);
    ASSERT_TRUE(socket.ok()) << socket.status();
    socket_ = std::make_unique<TaskstatsSocket>(*std::move(socket));
  }

  // All that is queued, by the task's id; other processes of the machine are among it.
  std::multimap<pid_t, ExitRecord> Drain() {
    std::vector<ExitRecord> records;
    for (;;) {
      const absl::StatusOr<ReceiveOutcome> outcome = socket_->Receive(records);
      EXPECT_TRUE(outcome.ok()) << outcome.status();
      if (!outcome.ok() || *outcome == ReceiveOutcome::kEmpty) break;
    }
    std::multimap<pid_t, ExitRecord> result;
    for (const ExitRecord& record : records) result.emplace(record.tid, record);
    return result;
  }

  std::unique_ptr<TaskstatsSocket> socket_;
};

TEST_F(TaskstatsSocketTest, KnowsAForkedChild) {
  // Given a child that names itself, runs for a while and is killed by a signal
  const pid_t pid = Fork([] {
    prctl(PR_SET_NAME, "crasher");
    usleep(20'000);
    raise(SIGTERM);
  });
  Reap(pid);
  // Then its record was there before it could be reaped.
  const auto records = Drain();
  ASSERT_EQ(records.count(pid), 1U);
  const ExitRecord& record = records.find(pid)->second;
  EXPECT_STREQ(record.comm.data(), "crasher");
  if (RecordsTellTheGroup()) {
    EXPECT_EQ(record.tgid, pid);
    EXPECT_EQ(record.last_of_group, kSanitizerThreads == 0);
  }
  EXPECT_EQ(record.parent_tgid, getpid());
  EXPECT_EQ(record.wait_status, static_cast<uint32_t>(SIGTERM));
  EXPECT_EQ(record.real_uid, getuid());
  EXPECT_GE(record.elapsed_us, 20'000);
  EXPECT_LT(record.elapsed_us, 2'000'000);
  EXPECT_TRUE(record.never_execed);
  EXPECT_EQ(socket_->rejected(), 0U);
}

TEST_F(TaskstatsSocketTest, KnowsAProgram) {
  const std::string program = e2e::WorkloadBinary();
  const pid_t pid = Fork([&] {
    close(STDOUT_FILENO);
    execl(program.c_str(), program.c_str(), "--help", nullptr);
  });
  Reap(pid);
  const auto records = Drain();
  ASSERT_EQ(records.count(pid), 1U);
  EXPECT_STREQ(records.find(pid)->second.comm.data(), "cnproc_workload");
  EXPECT_FALSE(records.find(pid)->second.never_execed);
  EXPECT_GT(records.find(pid)->second.peak_resident_bytes, 0U);
}

TEST_F(TaskstatsSocketTest, TellsAThreadFromItsProcess) {
  if (!RecordsTellTheGroup()) GTEST_SKIP() << "needs Linux 5.19";
  // Given a process with one thread more, which ends first
  const pid_t pid = Fork([] { std::thread([] { prctl(PR_SET_NAME, "worker"); }).join(); });
  Reap(pid);
  // Then both have a record, of the same group, and only the later one ended it.
  size_t records = 0;
  size_t workers = 0;
  for (const auto& [tid, record] : Drain()) {
    if (record.tgid != pid) continue;
    ++records;
    if (tid == pid) {
      EXPECT_EQ(record.last_of_group, kSanitizerThreads == 0);
    } else if (std::string(record.comm.data()) == "worker") {
      ++workers;
      EXPECT_FALSE(record.last_of_group);
    }
  }
  EXPECT_EQ(records, 2U + kSanitizerThreads);
  EXPECT_EQ(workers, 1U);
}

TEST_F(TaskstatsSocketTest, SumsTheCpuOfABusyChild) {
  const pid_t pid = Fork([] {
    const clock_t end = clock() + CLOCKS_PER_SEC / 5;
    while (clock() < end) {
    }
  });
  Reap(pid);
  const auto records = Drain();
  ASSERT_EQ(records.count(pid), 1U);
  const ExitRecord& record = records.find(pid)->second;
  EXPECT_NEAR(static_cast<double>(record.user_ticks_us + record.system_ticks_us), 200'000, 40'000);
}

TEST_F(TaskstatsSocketTest, CountsWhatItLost) {
  // Given a socket with the smallest buffer that the kernel grants
  absl::StatusOr<TaskstatsSocket> small = TaskstatsSocket::Open(1);
  ASSERT_TRUE(small.ok()) << small.status();
  Drain();
  std::vector<ExitRecord> queued;
  while (*small->Receive(queued) != ReceiveOutcome::kEmpty) {
  }
  const uint64_t drops_before = *small->Drops();
  // When more processes end than it holds
  constexpr int kChildren = 200;
  for (int i = 0; i < kChildren; ++i) Reap(Fork([] {}));
  // Then what it holds and what it lost make together at least what the large one got.
  std::vector<ExitRecord> received;
  while (*small->Receive(received) != ReceiveOutcome::kEmpty) {
  }
  const uint64_t lost = *small->Drops() - drops_before;
  EXPECT_GT(lost, 0U);
  EXPECT_GE(received.size() + lost, static_cast<size_t>(kChildren));
  EXPECT_GE(Drain().size(), static_cast<size_t>(kChildren));
}

TEST(TaskstatsSocketErrorTest, SaysThatAnotherNetworkNamespaceHearsNothing) {
  std::thread([] {
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);
    const absl::StatusOr<TaskstatsSocket> socket = TaskstatsSocket::Open(kReceiveBufferBytes);
    EXPECT_FALSE(socket.ok());
    EXPECT_NE(socket.status().message().find("network namespace"), absl::string_view::npos)
        << socket.status();
  }).join();
}

TEST(TaskstatsSocketErrorTest, SaysWhatRightIsMissing) {
  // Given a child without any capability, since those of a thread would outlive the test
  const int status = Reap(Fork([] {
    if (setresuid(65534, 65534, 65534) != 0) _exit(2);
    const absl::StatusOr<TaskstatsSocket> socket = TaskstatsSocket::Open(kReceiveBufferBytes);
    _exit(socket.status().code() == absl::StatusCode::kPermissionDenied &&
                  socket.status().message().find("CAP_NET_ADMIN") != absl::string_view::npos
              ? 0
              : 1);
  }));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace cnproc
