// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/named_source.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "collectors/base/time.h"

namespace cnproc {
namespace {

constexpr int64_t kFollowPaceNs = kNsPerSecond;

}  // namespace

absl::StatusOr<SourceRead> NamedSource::Read(SocketId socket) {
  if (socket != SocketId::kComm) return SourceDecorator::Read(socket);
  const int64_t now_ns = NowNs();
  const std::span<const Datagram> datagrams = rings_.Read(now_ns);
  FollowCpus(now_ns);
  return SourceRead{
      .outcome = datagrams.empty() ? ReceiveOutcome::kEmpty : ReceiveOutcome::kDatagrams,
      .datagrams = datagrams};
}

// Behind a reading, so that a ring that is closed is empty.
void NamedSource::FollowCpus(int64_t now_ns) {
  if (now_ns < follow_at_ns_) return;
  follow_at_ns_ = now_ns + kFollowPaceNs;
  if (absl::Status status = rings_.FollowCpus(); !status.ok()) {
    say_(Severity::kWarn,
         absl::StrCat("programs started on CPUs that came online later are named by /proc, "
                      "which misses some: ",
                      status.message()));
  }
}

}  // namespace cnproc
