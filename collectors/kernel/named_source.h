// SPDX-License-Identifier: Apache-2.0
// The connector with the names of programs beside it.
#ifndef CNPROC_COLLECTORS_KERNEL_NAMED_SOURCE_H_
#define CNPROC_COLLECTORS_KERNEL_NAMED_SOURCE_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collectors/base/log_sink.h"
#include "collectors/kernel/comm_rings.h"
#include "collectors/kernel/datagram_source.h"
#include "collectors/kernel/source_decorator.h"

namespace cnproc {

// Its rings answer reads of SocketId::kComm.
class NamedSource final : public SourceDecorator {
 public:
  // `say` gets a line where a CPU that came later cannot be listened to.
  NamedSource(std::unique_ptr<DatagramSource> source, CommRings rings, LogSink say)
      : SourceDecorator(std::move(source)), rings_(std::move(rings)), say_(std::move(say)) {}

  absl::StatusOr<SourceRead> Read(SocketId socket) override;
  absl::Status GivesNames() const override { return absl::OkStatus(); }

 private:
  void FollowCpus(int64_t now_ns);

  CommRings rings_;
  const LogSink say_;
  int64_t follow_at_ns_ = 0;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_NAMED_SOURCE_H_
