// SPDX-License-Identifier: Apache-2.0
// A source that adds something to another one.
#ifndef CNPROC_COLLECTORS_KERNEL_SOURCE_DECORATOR_H_
#define CNPROC_COLLECTORS_KERNEL_SOURCE_DECORATOR_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collectors/kernel/datagram_source.h"

namespace cnproc {

// Owns the other source and passes every call on: a decorator overrides what it changes.
class SourceDecorator : public DatagramSource {
 public:
  void Wait(int wake_fd, int64_t timeout_ns) override { source_->Wait(wake_fd, timeout_ns); }
  absl::StatusOr<SourceRead> Read(SocketId socket) override { return source_->Read(socket); }
  int64_t NowNs() const override { return source_->NowNs(); }
  absl::StatusOr<uint64_t> Drops(SocketId socket) override { return source_->Drops(socket); }
  uint32_t ReceiveBufferBytes() const override { return source_->ReceiveBufferBytes(); }
  int64_t UnixOffsetNs() const override { return source_->UnixOffsetNs(); }
  absl::Status Subscribe(bool renew) override { return source_->Subscribe(renew); }
  bool BeginProbe() override { return source_->BeginProbe(); }
  bool IsProbing() override { return source_->IsProbing(); }
  std::optional<uint64_t> KnownLosses() const override { return source_->KnownLosses(); }
  absl::Status Ended() const override { return source_->Ended(); }
  absl::Status GivesNames() const override { return source_->GivesNames(); }

 protected:
  explicit SourceDecorator(std::unique_ptr<DatagramSource> source) : source_(std::move(source)) {}

 private:
  const std::unique_ptr<DatagramSource> source_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_SOURCE_DECORATOR_H_
