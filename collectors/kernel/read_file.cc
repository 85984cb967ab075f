// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/read_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace cnproc {
namespace {

// /proc/stat has a line for each CPU and a number for each interrupt: 64 KiB with 700 CPUs.
constexpr size_t kMaxFileBytes = 4u << 20;
constexpr size_t kPieceBytes = 4096;

}  // namespace

UniqueFd OpenToRead(int directory, const char* path) {
  return UniqueFd(openat(directory, path, O_RDONLY | O_CLOEXEC));
}

std::optional<std::string_view> ReadOnce(const UniqueFd& file, std::span<char> buffer) {
  const ssize_t length = read(file.get(), buffer.data(), buffer.size());
  if (length < 0) return std::nullopt;
  return std::string_view(buffer.data(), static_cast<size_t>(length));
}

bool AppendFrom(const UniqueFd& file, size_t bytes, std::string& text) {
  size_t filled = text.size();
  text.resize(filled + bytes);
  while (filled < text.size()) {
    const ssize_t length = read(file.get(), text.data() + filled, text.size() - filled);
    if (length < 0) return false;
    if (length == 0) break;
    filled += static_cast<size_t>(length);
  }
  text.resize(filled);
  return true;
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& path) {
  const UniqueFd file = OpenToRead(AT_FDCWD, path.c_str());
  if (!file) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  std::string text;
  while (text.size() < kMaxFileBytes) {
    const size_t before = text.size();
    if (!AppendFrom(file, kPieceBytes, text)) {
      return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", path));
    }
    if (text.size() - before < kPieceBytes) break;
  }
  return text;
}

}  // namespace cnproc
