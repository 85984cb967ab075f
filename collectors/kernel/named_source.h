// SPDX-License-Identifier: Apache-2.0
// The connector with the names of programs beside it.
#ifndef CNPROC_COLLECTORS_KERNEL_NAMED_SOURCE_H_
#define CNPROC_COLLECTORS_KERNEL_NAMED_SOURCE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collectors/base/log_sink.h"
#include "collectors/kernel/comm_rings.h"
#include "collectors/kernel/datagram_source.h"

namespace cnproc {

// Passes everything on but reads of SocketId::kComm, which the rings answer.
class NamedSource final : public DatagramSource {
 public:
  // `say` gets a line where a CPU that came later cannot be listened to.
  NamedSource(std::unique_ptr<DatagramSource> source, CommRings rings, LogSink say)
      : source_(std::move(source)), rings_(std::move(rings)), say_(std::move(say)) {}

  void Wait(int wake_fd, int64_t timeout_ns) override { source_->Wait(wake_fd, timeout_ns); }
  absl::StatusOr<SourceRead> Read(SocketId socket) override;
  absl::StatusOr<uint64_t> Drops(SocketId socket) override { return source_->Drops(socket); }
  uint32_t ReceiveBufferBytes() const override { return source_->ReceiveBufferBytes(); }
  int64_t NowNs() const override { return source_->NowNs(); }
  int64_t UnixOffsetNs() const override { return source_->UnixOffsetNs(); }
  std::optional<uint64_t> KnownLosses() const override { return source_->KnownLosses(); }
  absl::Status Subscribe(bool renew) override { return source_->Subscribe(renew); }
  bool BeginProbe() override { return source_->BeginProbe(); }
  bool IsProbing() override { return source_->IsProbing(); }
  absl::Status Ended() const override { return source_->Ended(); }
  absl::Status GivesNames() const override { return absl::OkStatus(); }

 private:
  void FollowCpus(int64_t now_ns);

  const std::unique_ptr<DatagramSource> source_;
  CommRings rings_;
  const LogSink say_;
  int64_t follow_at_ns_ = 0;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_NAMED_SOURCE_H_
