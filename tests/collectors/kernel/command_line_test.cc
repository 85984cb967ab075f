// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/command_line.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/temp_folder.h"

namespace cnproc {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

class CommandLineTest : public testing::Test {
 protected:
  void Write(const std::string& text) {
    std::filesystem::create_directories(folder_.Path("42"));
    std::ofstream(folder_.Path("42/cmdline")) << text;
  }
  std::optional<std::string> Read(pid_t tgid = 42) {
    const int directory = open(folder_.path().c_str(), O_RDONLY | O_DIRECTORY);
    std::optional<std::string> text = ReadCommandLine(directory, tgid, budget_);
    close(directory);
    return text;
  }

  const TempFolder folder_;
  CommandLineBudget budget_;
};

TEST_F(CommandLineTest, IsReadWholeWhateverItsLength) {
  for (const size_t size : {0U, 1U, 4095U, 4096U, 4097U, 8192U, 300'000U, 3'000'001U}) {
    std::string text(size, 'x');
    for (size_t i = 0; i < size; i += 7) text[i] = '\0';
    Write(text);
    ASSERT_TRUE(Read().has_value());
    EXPECT_EQ(*Read(), text) << size;
  }
  EXPECT_EQ(Read(43), std::nullopt);
}

TEST_F(CommandLineTest, EndsWhereNoKernelGoes) {
  Write(std::string(kMaxCommandLineBytes + 5000, 'x'));
  EXPECT_EQ(Read()->size(), kMaxCommandLineBytes);
}

TEST_F(CommandLineTest, TellsOnlyTheBeginningWhereTheBudgetIsUsedUp) {
  Write(std::string(1 << 20, 'x'));
  // What was taken is back in four seconds: this test's reading takes less.
  budget_.Take(SIZE_MAX, INT64_MAX);
  EXPECT_EQ(Read()->size(), kCommandLineBytesAlways);
}

TEST_F(CommandLineTest, TheKernelsOwnAreReadWhole) {
  // Given a program with 1.8 MB of arguments, nearly all that a stack of 8 MiB allows
  std::vector<std::string> arguments = {"sleep", "60"};
  for (int i = 0; i < 15; ++i) arguments.emplace_back(120'000, static_cast<char>('a' + i));
  std::string expected;
  std::vector<char*> pointers;
  for (std::string& argument : arguments) {
    expected += argument + '\0';
    pointers.push_back(argument.data());
  }
  pointers.push_back(nullptr);
  // that stops before its first instruction
  const pid_t pid = fork();
  if (pid == 0) {
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    execv("/bin/sleep", pointers.data());
    _exit(1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  ASSERT_TRUE(WIFSTOPPED(status));
  // Then all of them are told.
  const int procfs = open("/proc", O_RDONLY | O_DIRECTORY);
  const std::optional<std::string> text = ReadCommandLine(procfs, pid, budget_);
  close(procfs);
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  ASSERT_TRUE(text.has_value());
  EXPECT_TRUE(*text == expected) << text->size() << " of " << expected.size();
}

TEST(CommandLineBudgetTest, FillsAsTimePasses) {
  CommandLineBudget budget;
  EXPECT_EQ(budget.Take(SIZE_MAX, kSecondNs), CommandLineBudget::kBurstBytes);
  EXPECT_EQ(budget.Take(1, kSecondNs), 0U);
  EXPECT_EQ(budget.Take(SIZE_MAX, 2 * kSecondNs), CommandLineBudget::kBytesPerSecond);
  EXPECT_EQ(budget.Take(SIZE_MAX, kSecondNs), 0U);  // no time goes back
  EXPECT_EQ(budget.Take(SIZE_MAX, 1000 * kSecondNs), CommandLineBudget::kBurstBytes);
}

}  // namespace
}  // namespace cnproc
