// SPDX-License-Identifier: Apache-2.0
#ifndef CNPROC_EXPORTER_WEB_FILE_STAMP_H_
#define CNPROC_EXPORTER_WEB_FILE_STAMP_H_

#include <sys/stat.h>

#include <cstdint>
#include <string>

namespace cnproc {

// Which state of a file it was when it was read: a changed or replaced file has another.
struct FileStamp {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  int64_t seconds = 0;
  int64_t nanoseconds = 0;

  bool operator==(const FileStamp&) const = default;
};

// All zero if there is no such file, and for what can be read only once, as a pipe.
inline FileStamp StampFile(const std::string& path) {
  struct stat status = {};
  if (path.empty() || stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  return {status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec,
          status.st_mtim.tv_nsec};
}

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_WEB_FILE_STAMP_H_
