// SPDX-License-Identifier: Apache-2.0
// What exit records say of a short life's use of the machine, against what wait4(2) says of it;
// on a quiet machine and on one that has more to do than CPUs. Needs root.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "collectors/base/time.h"
#include "collectors/kernel/taskstats_socket.h"
#include "collectors/process/cpu_time.h"
#include "tests/e2e/harness/exporter.h"
#include "tests/e2e/harness/machine.h"

namespace cnproc {
namespace {

pid_t Fork(const std::function<void()>& child) {
  const pid_t pid = fork();
  if (pid == 0) {
    child();
    _exit(0);
  }
  return pid;
}

int64_t Microseconds(const timeval& time) { return time.tv_sec * 1'000'000 + time.tv_usec; }

int64_t CpuUs(const rusage& usage) {
  return Microseconds(usage.ru_utime) + Microseconds(usage.ru_stime);
}

int64_t OwnCpuUs() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec * 1'000'000 + now.tv_nsec / 1000;
}

// Until this process has taken so much.
void BurnCpu(int milliseconds) {
  while (OwnCpuUs() < milliseconds * 1000) {
  }
}

// Processes that want every CPU that there is.
class Busy {
 public:
  explicit Busy(int processes) {
    for (int i = 0; i < processes; ++i) {
      pids_.push_back(Fork([] {
        alarm(60);
        for (;;) {
        }
      }));
    }
  }
  ~Busy() {
    for (const pid_t pid : pids_) kill(pid, SIGKILL);
    for (const pid_t pid : pids_) waitpid(pid, nullptr, 0);
  }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  std::vector<pid_t> pids_;
};

class TaskstatsUsage : public testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<TaskstatsSocket> socket = TaskstatsSocket::Open(8 << 20);
    ASSERT_TRUE(socket.ok()) << socket.status();
    socket_ = std::make_unique<TaskstatsSocket>(*std::move(socket));
  }

  struct Life {
    rusage truth{};
    std::vector<ExitRecord> records;  // of all its threads
  };

  // Runs a child to its end. Again if others have made so many records meanwhile that some are
  // lost.
  Life Live(const std::function<void()>& child) {
    for (int attempt = 0; attempt < 50; ++attempt) {
      Drain();
      const uint64_t lost_before = Lost();
      Life life;
      const pid_t pid = Fork(child);
      int status = 0;
      EXPECT_EQ(wait4(pid, &status, 0, &life.truth), pid);
      EXPECT_EQ(status, 0);
      for (const ExitRecord& record : Drain()) {
        if (record.tid == pid || record.tgid == pid) life.records.push_back(record);
      }
      if (Lost() != lost_before) continue;
      EXPECT_FALSE(life.records.empty());
      return life;
    }
    ADD_FAILURE() << "records were lost in every attempt: end what makes so many";
    return {};
  }

  uint64_t Lost() {
    const absl::StatusOr<uint64_t> drops = socket_->Drops();
    EXPECT_TRUE(drops.ok()) << drops.status();
    return drops.ok() ? *drops : 0;
  }

  std::vector<ExitRecord> Drain() {
    std::vector<ExitRecord> records;
    for (;;) {
      const absl::StatusOr<ReceiveOutcome> outcome = socket_->Receive(records);
      EXPECT_TRUE(outcome.ok()) << outcome.status();
      if (!outcome.ok() || *outcome == ReceiveOutcome::kEmpty) return records;
    }
  }

  static ExitRecord SumOf(const Life& life) {
    ExitRecord sum;
    for (const ExitRecord& record : life.records) {
      sum.peak_resident_bytes = std::max(sum.peak_resident_bytes, record.peak_resident_bytes);
      sum.minor_faults += record.minor_faults;
      sum.major_faults += record.major_faults;
      sum.read_bytes += record.read_bytes;
      sum.written_bytes += record.written_bytes;
      sum.voluntary_switches += record.voluntary_switches;
      sum.nonvoluntary_switches += record.nonvoluntary_switches;
    }
    return sum;
  }

  // Lives that need so many milliseconds of CPU, and then become a program if one is named. No more
  // is told than wait4(2) says, and no less than they themselves had read before their last
  // moments, but for the part that is tolerated.
  void ExpectTheirCpu(int milliseconds, double tolerated, const std::function<void()>& child,
                      const char* program = nullptr) {
    constexpr int kLives = 12;
    int64_t told_us = 0;
    int64_t true_us = 0;
    int64_t read_by_themselves_us = 0;
    for (int i = 0; i < kLives; ++i) {
      const Life life = Live([&] {
        child();
        *shared_us_ = OwnCpuUs();
        if (program == nullptr) return;
        close(STDOUT_FILENO);
        execl(program, program, "--help", nullptr);
      });
      CpuTime told;
      for (const ExitRecord& record : life.records) told += CpuTimeOf(record, TickNs());
      told_us += told.user_us() + told.system_us();
      true_us += CpuUs(life.truth);
      read_by_themselves_us += *shared_us_;
    }
    EXPECT_GE(read_by_themselves_us, kLives * milliseconds * 1000);
    // A parent that loses its CPU while it makes a child is told with the child's, up to a tick.
    const int64_t beside_us = kLives * int64_t{300} * e2e::Patience();
    EXPECT_LE(told_us, true_us * 103 / 100 + beside_us);
    EXPECT_GE(told_us, static_cast<double>(read_by_themselves_us) * (1 - tolerated));
    // An emulated CPU spends milliseconds between a record and the end.
    if (e2e::Patience() > 1) return;
    EXPECT_GE(told_us, static_cast<double>(true_us) * (1 - tolerated) - beside_us);
  }

  std::unique_ptr<TaskstatsSocket> socket_;
  int64_t* const shared_us_ = static_cast<int64_t*>(
      mmap(nullptr, sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
};

// How many processes want the CPUs all the time.
class TaskstatsCpu : public TaskstatsUsage, public testing::WithParamInterface<int> {
 protected:
  const Busy busy_{GetParam()};
};

constexpr int kShortLives[] = {1, 4, 20};

TEST_P(TaskstatsCpu, OfForkedChildren) {
  for (const int milliseconds : kShortLives) {
    SCOPED_TRACE(milliseconds);
    ExpectTheirCpu(milliseconds, 0.05, [=] { BurnCpu(milliseconds); });
  }
}

TEST_P(TaskstatsCpu, OfPrograms) {
  const std::string program = e2e::WorkloadBinary();
  for (const int milliseconds : kShortLives) {
    SCOPED_TRACE(milliseconds);
    ExpectTheirCpu(
        milliseconds, 0.05, [=] { BurnCpu(milliseconds); }, program.c_str());
  }
}

// What has passed since the scheduler's last update is missed: less than a tick of each thread.
TEST_P(TaskstatsCpu, OfChildrenThatSleepInBetween) {
  ExpectTheirCpu(20, 0.4, [] {
    for (const int milliseconds : {10, 20}) {
      BurnCpu(milliseconds);
      usleep(1'000);
    }
  });
}

TEST_P(TaskstatsCpu, OfProcessesWithThreads) {
  if (e2e::KernelVersion() < std::pair(5, 19)) GTEST_SKIP() << "records tell no process before";
  ExpectTheirCpu(20, 0.4, [] {
    std::thread([] { BurnCpu(10); }).join();
    BurnCpu(20);
  });
}

INSTANTIATE_TEST_SUITE_P(Busy, TaskstatsCpu, testing::Values(0, 6));

TEST_F(TaskstatsUsage, OfMemory) {
  // Given a child that touches each page of so much memory
  constexpr size_t kBytes = 64 << 20;
  constexpr size_t kPageBytes = 4096;
  const Life life = Live([] {
    void* memory =
        mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) _exit(1);
    madvise(memory, kBytes, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < kBytes; i += kPageBytes) static_cast<volatile char*>(memory)[i] = 1;
  });
  const ExitRecord told = SumOf(life);
  // The kernel adds up what each CPU counted in batches.
  const auto peak_bytes = static_cast<double>(life.truth.ru_maxrss) * 1024;
  EXPECT_NEAR(static_cast<double>(told.peak_resident_bytes), peak_bytes, 2 << 20);
  EXPECT_GE(told.peak_resident_bytes, kBytes);
  EXPECT_GE(told.minor_faults, kBytes / kPageBytes);
  EXPECT_LE(told.minor_faults, static_cast<uint64_t>(life.truth.ru_minflt));
  EXPECT_GE(told.minor_faults + 100, static_cast<uint64_t>(life.truth.ru_minflt));
}

TEST_F(TaskstatsUsage, OfStorage) {
  // Given a child that writes a file, waits for the disk and reads it again
  const e2e::TempFolder folder;
  const std::string path = folder.Path("file");
  const Life life = Live([&] {
    const std::vector<char> block(1 << 20, 'x');
    const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    for (int i = 0; i < 4; ++i) {
      if (write(file, block.data(), block.size()) < 0) _exit(1);
    }
    if (fsync(file) != 0 || posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) != 0) _exit(1);
    std::vector<char> read_again(1 << 20);
    while (read(file, read_again.data(), read_again.size()) > 0) {
      if (lseek(file, 0, SEEK_CUR) >= 4 << 20) break;
    }
  });
  // Then both say the same, to the KiB; nothing where the files are in memory.
  const ExitRecord told = SumOf(life);
  EXPECT_EQ(told.read_bytes / 1024, static_cast<uint64_t>(life.truth.ru_inblock) / 2);
  EXPECT_EQ(told.written_bytes / 1024, static_cast<uint64_t>(life.truth.ru_oublock) / 2);
  EXPECT_EQ(told.major_faults, static_cast<uint64_t>(life.truth.ru_majflt));
}

TEST_F(TaskstatsUsage, OfSwitches) {
  constexpr uint64_t kSleeps = 30;
  const Life life = Live([] {
    for (uint64_t i = 0; i < kSleeps; ++i) usleep(500);
  });
  const ExitRecord told = SumOf(life);
  EXPECT_GE(told.voluntary_switches, kSleeps * 9 / 10);
  EXPECT_LE(told.voluntary_switches, static_cast<uint64_t>(life.truth.ru_nvcsw));
  EXPECT_GE(told.voluntary_switches + 5, static_cast<uint64_t>(life.truth.ru_nvcsw));
  EXPECT_LE(told.nonvoluntary_switches, static_cast<uint64_t>(life.truth.ru_nivcsw));
}

}  // namespace
}  // namespace cnproc
