// SPDX-License-Identifier: Apache-2.0
// A fake source that a test may use while the collector thread reads it, and that can block that
// thread.
#ifndef CNPROC_TESTS_COLLECTORS_PIPELINE_SHARED_SOURCE_H_
#define CNPROC_TESTS_COLLECTORS_PIPELINE_SHARED_SOURCE_H_

#include <poll.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>

#include "tests/collectors/kernel/fake_source.h"

namespace cnproc {

class SharedSource final : public DatagramSource {
 public:
  void Do(const std::function<void(FakeSource&)>& what) {
    const std::lock_guard lock(mutex_);
    what(fake_);
  }

  // From the next read of that socket on; returns once the thread is in it.
  void Stall(SocketId socket) {
    std::unique_lock lock(mutex_);
    stalled_ = socket;
    changed_.wait(lock, [this] { return waiting_; });
  }
  // The same for the first read of all, which is still to come.
  void StallFromTheStart() { stalled_ = SocketId::kLife; }
  void Release() {
    const std::lock_guard lock(mutex_);
    stalled_.reset();
    changed_.notify_all();
  }
  // Before every read of the life socket; "{}" for no more.
  void Refill(std::function<void(FakeSource&)> how) {
    const std::lock_guard lock(mutex_);
    refill_ = std::move(how);
  }

  void Wait(int wake_fd, int64_t /*timeout_ns*/) override {
    pollfd fd = {.fd = wake_fd, .events = POLLIN, .revents = 0};
    poll(&fd, 1, /*timeout=*/10);
  }
  absl::StatusOr<SourceRead> Read(SocketId socket) override {
    std::unique_lock lock(mutex_);
    waiting_ = stalled_ == socket;
    changed_.notify_all();
    changed_.wait(lock, [&] { return stalled_ != socket; });
    waiting_ = false;
    if (refill_ && socket == SocketId::kLife) refill_(fake_);
    return fake_.Read(socket);
  }
  absl::StatusOr<uint64_t> Drops(SocketId socket) override {
    const std::lock_guard lock(mutex_);
    return fake_.Drops(socket);
  }
  int64_t NowNs() const override {
    const std::lock_guard lock(mutex_);
    return fake_.NowNs();
  }
  absl::Status Subscribe(bool renew) override {
    const std::lock_guard lock(mutex_);
    return fake_.Subscribe(renew);
  }
  bool BeginProbe() override { return true; }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  FakeSource fake_;
  std::function<void(FakeSource&)> refill_;
  std::optional<SocketId> stalled_;
  bool waiting_ = false;
};

}  // namespace cnproc

#endif  // CNPROC_TESTS_COLLECTORS_PIPELINE_SHARED_SOURCE_H_
