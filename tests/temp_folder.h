// SPDX-License-Identifier: Apache-2.0
// A folder of a test's own: tests run beside each other, and after ones that failed.
#ifndef CNPROC_TESTS_TEMP_FOLDER_H_
#define CNPROC_TESTS_TEMP_FOLDER_H_

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <stdexcept>
#include <string>

namespace cnproc {

// Goes with everything in it.
class TempFolder {
 public:
  TempFolder() : path_(testing::TempDir() + "cnproc_XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) throw std::runtime_error("mkdtemp " + path_);
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  std::filesystem::path path() const { return path_; }
  std::string Path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace cnproc

#endif  // CNPROC_TESTS_TEMP_FOLDER_H_
