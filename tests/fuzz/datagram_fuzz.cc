// SPDX-License-Identifier: Apache-2.0
// Any bytes as datagrams of both sockets: decoded, merged, audited and applied to a process table.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "collectors/pipeline/event_stream.h"
#include "collectors/process/process_table.h"
#include "tests/collectors/kernel/fake_source.h"

namespace cnproc {
namespace {

constexpr size_t kMaxTasks = 64;

// The rest of what the pipeline does with events, without a lock.
class Table final : public BatchSink, private ChangeSink {
 public:
  void OnBatch(std::span<const Event> events, int64_t /*received_ns*/,
               const StreamStats& /*stats*/) override {
    for (const Event& event : events) {
      table_.Apply(event, {});
      if (table_.processes() > kMaxTasks) __builtin_trap();
    }
  }

 private:
  void OnChange(Change& /*change*/) override {}

  ProcessTable table_{kMaxTasks, *this};
};

}  // namespace
}  // namespace cnproc

// The first byte of each datagram says its length and its socket.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  cnproc::FakeSource source;
  cnproc::Table table;
  cnproc::EventStream stream(source, table, /*max_cpus=*/4);
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
  for (int i = 0; i < 4; ++i) {
    if (!stream.ReadRound(/*thorough=*/true).ok()) __builtin_trap();
  }
  return 0;
}
