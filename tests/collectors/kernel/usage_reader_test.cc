// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/usage_reader.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "collectors/base/time.h"
#include "collectors/kernel/procfs.h"
#include "tests/temp_folder.h"

namespace cnproc {
namespace {

int64_t CpuUs() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000 + usage.ru_utime.tv_usec +
         usage.ru_stime.tv_usec;
}

TEST(UsageReaderTest, ReadsWhatTheKernelSaysOfUsToo) {
  const absl::StatusOr<UsageReader> reader = UsageReader::Open("/proc");
  ASSERT_TRUE(reader.ok()) << reader.status();
  // Given a thread that has ended
  std::thread([] {
    const int64_t end_us = CpuUs() + 50'000;
    while (CpuUs() < end_us) {
    }
  }).join();
  const int64_t before_us = CpuUs();
  const std::optional<UsageSample> sample = reader->Read(getpid());
  const int64_t after_us = CpuUs();
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->tgid, getpid());
  // Then what it used is told, in whole ticks of each mode.
  const int64_t told_us = sample->use.user_us + sample->use.system_us;
  EXPECT_GE(told_us, before_us - 2 * NsPerUserTick() / 1000);
  EXPECT_LE(told_us, after_us);
  EXPECT_GE(told_us, 30'000);
  EXPECT_LE(sample->start_ns, MonotonicNs());
}

TEST(UsageReaderTest, WhoHasEndedHasNoSample) {
  const TempFolder folder;
  const std::filesystem::path root = folder.path();
  std::filesystem::create_directory(root / "42");
  std::ofstream(root / "42" / "stat") << "42 (cut";
  const absl::StatusOr<UsageReader> reader = UsageReader::Open(root.string());
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_FALSE(reader->Read(41));
  EXPECT_FALSE(reader->Read(42));
}

TEST(UsageReaderTest, WithoutProcfsThereIsNone) {
  const TempFolder folder;
  EXPECT_EQ(
      UsageReader::Open((std::filesystem::path(folder.path()) / "none").string()).status().code(),
      absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace cnproc
