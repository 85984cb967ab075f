// SPDX-License-Identifier: Apache-2.0
// A /proc made of a few files.
#ifndef CNPROC_TESTS_COLLECTORS_PIPELINE_FAKE_PROCFS_H_
#define CNPROC_TESTS_COLLECTORS_PIPELINE_FAKE_PROCFS_H_

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/temp_folder.h"

namespace cnproc {

class FakeProcfs {
 public:
  FakeProcfs() { KernelForks(1000); }

  std::string root() const { return folder_.path(); }

  // Of all processes since boot.
  void KernelForks(int forks) const {
    std::ofstream(folder_.Path("stat")) << "processes " << forks << "\n";
  }
  void AddProcess(const std::string& pid) const {
    std::filesystem::create_directory(folder_.Path(pid));
    std::ofstream(folder_.Path(pid + "/stat"))
        << pid << " (a) S 0 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0";
    std::ofstream(folder_.Path(pid + "/status")) << "Name:\ta\nUid:\t0\t0\t0\t0\n";
  }
  void EndProcess(const std::string& pid) const { std::filesystem::remove_all(folder_.Path(pid)); }

 private:
  const TempFolder folder_;
};

}  // namespace cnproc

#endif  // CNPROC_TESTS_COLLECTORS_PIPELINE_FAKE_PROCFS_H_
