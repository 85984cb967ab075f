// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/read_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <initializer_list>
#include <optional>
#include <string>

#include "tests/temp_folder.h"

namespace cnproc {
namespace {

class ReadFileTest : public testing::Test {
 protected:
  std::string Write(const std::string& text) {
    std::ofstream(folder_.Path("file")) << text;
    return folder_.Path("file");
  }
  UniqueFd Open(const std::string& text) { return OpenToRead(AT_FDCWD, Write(text).c_str()); }

  TempFolder folder_;
};

TEST_F(ReadFileTest, AFileIsReadToItsEndHoweverLongItIs) {
  for (const size_t bytes : std::initializer_list<size_t>{0, 1, 4095, 4096, 4097, 8192, 100'000}) {
    const std::string text(bytes, 'x');
    const absl::StatusOr<std::string> read = ReadWholeFile(Write(text));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, text) << bytes;
  }
}

TEST_F(ReadFileTest, AFileOfTheKernelsThatSaysItIsEmptyIsReadToo) {
  const absl::StatusOr<std::string> read = ReadWholeFile("/proc/self/status");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(*read, testing::HasSubstr("\nPid:\t" + std::to_string(getpid()) + "\n"));
}

TEST_F(ReadFileTest, AFileWithoutEndIsCut) {
  const absl::StatusOr<std::string> read = ReadWholeFile("/dev/zero");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->size(), size_t{4} << 20);
}

TEST_F(ReadFileTest, AnErrorSaysWhichFileAndWhy) {
  const std::string missing = folder_.Path("missing");
  const absl::Status absent = ReadWholeFile(missing).status();
  EXPECT_TRUE(absl::IsNotFound(absent)) << absent;
  EXPECT_THAT(std::string(absent.message()), testing::HasSubstr("cannot open " + missing));
  // A directory can be opened, and not be read.
  const absl::Status unreadable = ReadWholeFile(folder_.path()).status();
  EXPECT_THAT(std::string(unreadable.message()),
              testing::HasSubstr("cannot read " + folder_.path().string()));
}

TEST_F(ReadFileTest, OneReadGivesTheBeginningThatFits) {
  std::array<char, 4> buffer;
  EXPECT_EQ(ReadOnce(Open("abcdef"), buffer), "abcd");
  EXPECT_EQ(ReadOnce(Open("ab"), buffer), "ab");
  EXPECT_EQ(ReadOnce(UniqueFd(), buffer), std::nullopt);
  EXPECT_EQ(errno, EBADF);
}

TEST_F(ReadFileTest, PiecesAreAppendedUntilTheFileEnds) {
  const UniqueFd file = Open("abcdef");
  std::string text = "-";
  EXPECT_TRUE(AppendFrom(file, 4, text));
  EXPECT_EQ(text, "-abcd");
  EXPECT_TRUE(AppendFrom(file, 4, text));
  EXPECT_EQ(text, "-abcdef");
  EXPECT_TRUE(AppendFrom(file, 4, text));
  EXPECT_EQ(text, "-abcdef");
}

TEST_F(ReadFileTest, APathIsTakenFromTheDirectory) {
  Write("here");
  const UniqueFd directory(open(folder_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::array<char, 8> buffer;
  EXPECT_EQ(ReadOnce(OpenToRead(directory.get(), "file"), buffer), "here");
  EXPECT_FALSE(OpenToRead(directory.get(), "missing"));
  EXPECT_EQ(errno, ENOENT);
}

}  // namespace
}  // namespace cnproc
