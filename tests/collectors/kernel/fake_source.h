// SPDX-License-Identifier: Apache-2.0
// A source that gives what a test queues: for what the kernel will not do on demand.
#ifndef CNPROC_TESTS_COLLECTORS_KERNEL_FAKE_SOURCE_H_
#define CNPROC_TESTS_COLLECTORS_KERNEL_FAKE_SOURCE_H_

#include <array>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "collectors/kernel/datagram_source.h"
#include "tests/collectors/kernel/fake_datagram.h"

namespace cnproc {

class FakeSource final : public DatagramSource {
 public:
  // The next read of that socket gives these, as one batch.
  void Queue(SocketId socket, std::vector<std::vector<std::byte>> batch, uint32_t sender_port = 0) {
    gives_names_ |= socket == SocketId::kComm;
    queues_[static_cast<size_t>(socket)].push_back(
        {ReceiveOutcome::kDatagrams, std::move(batch), sender_port});
  }
  void QueueOverrun(SocketId socket) {
    queues_[static_cast<size_t>(socket)].push_back({ReceiveOutcome::kOverrun, {}, 0});
  }
  void Break() { BreakAfterReads(0); }
  void BreakAfterReads(int reads) { reads_until_broken_ = reads; }
  // OK again: the next one succeeds.
  void RefuseSubscriptions(const absl::Status& why) { refusal_ = why; }
  void Drop(SocketId socket, uint64_t count) { drops_[static_cast<size_t>(socket)] += count; }
  // The next probe takes so long that as many are dropped meanwhile.
  void DropWhileProbing(SocketId socket, uint64_t count) {
    drops_while_probing_[static_cast<size_t>(socket)] = count;
  }
  void AdvanceTo(int64_t now_ns) { now_ns_ = now_ns; }
  int probes() const { return probes_; }
  int subscriptions() const { return subscriptions_; }

  void Wait(int /*wake_fd*/, int64_t /*timeout_ns*/) override {}
  absl::StatusOr<SourceRead> Read(SocketId socket) override {
    if (reads_until_broken_ == 0) return absl::UnavailableError("the fake is broken");
    if (reads_until_broken_ > 0) --reads_until_broken_;
    std::deque<Batch>& queue = queues_[static_cast<size_t>(socket)];
    if (queue.empty()) return SourceRead{};
    current_ = std::move(queue.front());
    queue.pop_front();
    datagrams_.clear();
    for (const std::vector<std::byte>& bytes : current_.bytes) {
      datagrams_.push_back({.socket = socket,
                            .sender_port = current_.sender_port,
                            .received_ns = now_ns_,
                            .bytes = bytes});
    }
    return SourceRead{
        .outcome = current_.outcome, .may_have_more = !queue.empty(), .datagrams = datagrams_};
  }
  absl::StatusOr<uint64_t> Drops(SocketId socket) override {
    return drops_[static_cast<size_t>(socket)];
  }
  int64_t NowNs() const override { return now_ns_; }
  absl::Status Subscribe(bool /*renew*/) override {
    if (!refusal_.ok()) return refusal_;
    reads_until_broken_ = -1;
    ++subscriptions_;
    return absl::OkStatus();
  }
  // Until then a probe that was begun lasts.
  void HoldProbe(bool hold) { probe_held_ = hold; }
  bool IsProbing() override { return probe_held_; }
  bool BeginProbe() override {
    ++probes_;
    for (size_t i = 0; i < kSocketCount; ++i) {
      drops_[i] += std::exchange(drops_while_probing_[i], 0);
    }
    return true;
  }
  // OK once names were queued.
  absl::Status GivesNames() const override {
    return gives_names_ ? absl::OkStatus() : absl::UnavailableError("no names were queued");
  }

 private:
  struct Batch {
    ReceiveOutcome outcome = ReceiveOutcome::kEmpty;
    std::vector<std::vector<std::byte>> bytes;
    uint32_t sender_port = 0;
  };

  std::array<std::deque<Batch>, kTrackCount> queues_;
  std::array<uint64_t, kSocketCount> drops_{};
  std::array<uint64_t, kSocketCount> drops_while_probing_{};
  Batch current_;
  std::vector<Datagram> datagrams_;
  int64_t now_ns_ = 1'000'000'000;
  int reads_until_broken_ = -1;  // negative: never
  absl::Status refusal_;
  bool gives_names_ = false;
  int probes_ = 0;
  bool probe_held_ = false;
  int subscriptions_ = 0;
};

}  // namespace cnproc

#endif  // CNPROC_TESTS_COLLECTORS_KERNEL_FAKE_SOURCE_H_
