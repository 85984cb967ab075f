// SPDX-License-Identifier: Apache-2.0
// Any bytes as datagrams of both sockets: decoded, merged, audited and applied to a process table.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "collectors/pipeline/event_stream.h"
#include "collectors/process/process_table.h"
#include "tests/collectors/kernel/fake_source.h"

namespace cnproc {
namespace {

constexpr size_t kMaxTasks = 64;

class IgnoreChanges final : public ChangeSink {
  void OnChange(Change& /*change*/) override {}
};

// What the pipeline does with events, without a lock.
void ReadRound(EventStream& stream, ProcessTable& table) {
  stream.BeginRound(/*thorough=*/true);
  while (const std::optional<Batch> batch = stream.Next()) {
    for (const Event& event : batch->events) {
      table.Apply(event, {});
      if (table.processes() > kMaxTasks + ProcessTable::kMaxFormers) __builtin_trap();
    }
  }
  if (!stream.EndRound().ok()) __builtin_trap();
}

}  // namespace
}  // namespace cnproc

// The first byte of each datagram says its length and its socket.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  cnproc::FakeSource source;
  cnproc::IgnoreChanges sink;
  cnproc::ProcessTable table(cnproc::kMaxTasks, sink);
  cnproc::EventStream stream(source, /*max_cpus=*/4);
  if (!stream.OnSubscribed(/*probe=*/true).ok()) return 0;
  while (size > 0) {
    const size_t length = std::min<size_t>(size - 1, *data & 0x7f);
    const auto socket =
        (*data & 0x80) != 0 ? cnproc::SocketId::kAttribute : cnproc::SocketId::kLife;
    const auto* bytes = reinterpret_cast<const std::byte*>(data + 1);
    source.Queue(socket, {std::vector<std::byte>(bytes, bytes + length)});
    data += 1 + length;
    size -= 1 + length;
  }
  for (int i = 0; i < 4; ++i) cnproc::ReadRound(stream, table);
  return 0;
}
