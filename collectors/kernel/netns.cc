// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/netns.h"

#include <fcntl.h>
#include <sched.h>

#include <cerrno>
#include <system_error>
#include <thread>

#include "absl/strings/str_cat.h"
#include "collectors/base/unique_fd.h"
#include "collectors/kernel/connector_advice.h"

namespace cnproc {

absl::Status RunInNetworkNamespace(const std::string& path,
                                   absl::FunctionRef<absl::Status()> open_there) {
  if (path.empty()) return open_there();
  absl::Status status;
  // setns() changes the calling thread for good, so it gets a thread of its own.
  const auto enter = [&] {
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    status =
        !fd || setns(fd.get(), CLONE_NEWNET) != 0 ? AdviseOnNamespace(errno, path) : open_there();
  };
  try {
    std::thread(enter).join();
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(absl::StrCat("cannot start a thread: ", error.what()));
  }
  return status;
}

}  // namespace cnproc
