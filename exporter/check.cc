// SPDX-License-Identifier: Apache-2.0
#include "exporter/check.h"

#include <iostream>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "collectors/kernel/procfs.h"
#include "exporter/app.h"

namespace cnproc {
namespace {

void Print(std::string_view part, bool works, std::string_view remark) {
  std::cout << (works ? "ok      " : "lacking ") << part;
  if (!remark.empty()) std::cout << ": " << remark;
  std::cout << '\n';
}

bool CheckStream(const Options& options) {
  const absl::StatusOr<Source> source = OpenSource(options);
  if (!source.ok()) {
    Print("stream", false, std::string(source.status().message()));
    return false;
  }
  if (!options.replay_file.empty()) {
    Print("stream", true, absl::StrCat("replay of ", options.replay_file));
    return true;
  }
  const bool full = source->receive_buffer_bytes / 2 >= options.receive_buffer_bytes;
  Print("stream", true,
        absl::StrCat("acknowledged by the kernel; receive buffer ", source->receive_buffer_bytes,
                     " bytes",
                     full ? ""
                          : ", less than asked for: it needs CAP_NET_ADMIN or a larger "
                            "net.core.rmem_max"));
  return true;
}

void CheckProcfs(const Options& options) {
  const ProcFs procfs(options.procfs_root);
  const absl::StatusOr<uint64_t> forks = procfs.TotalForks();
  Print("audit", forks.ok(), forks.ok() ? "" : std::string(forks.status().message()));
}

}  // namespace

int CheckConfiguration(const Options& options) {
  const bool stream_works = CheckStream(options);
  if (options.replay_file.empty()) CheckProcfs(options);
  for (const CollectorSpec* spec : options.collectors) {
    if (spec->enabled != CollectorSpec::Default::kAlways) Print(spec->name, stream_works, "");
  }
  return stream_works ? 0 : 1;
}

}  // namespace cnproc
