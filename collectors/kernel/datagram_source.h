// SPDX-License-Identifier: Apache-2.0
// Where datagrams come from: the kernel (Connector), a recording (Replay), or a test.
#ifndef CNPROC_COLLECTORS_KERNEL_DATAGRAM_SOURCE_H_
#define CNPROC_COLLECTORS_KERNEL_DATAGRAM_SOURCE_H_

#include <cstdint>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collectors/kernel/datagram.h"

namespace cnproc {

struct SourceRead {
  ReceiveOutcome outcome = ReceiveOutcome::kEmpty;
  bool may_have_more = false;
  std::span<const Datagram> datagrams = {};  // valid until the next read of the same socket
};

// Used by one thread at a time. The defaults are those of a source that cannot fail, loses nothing
// and never ends.
class DatagramSource {
 public:
  virtual ~DatagramSource() = default;

  // Returns once datagrams may be there, `wake_fd` is readable or `timeout_ns` has passed.
  virtual void Wait(int wake_fd, int64_t timeout_ns) = 0;
  // Never blocks. An error means that the source is broken until it is renewed. kComm may be asked
  // for where GivesNames is OK: read it after the EXEC events, whose records it has by then.
  virtual absl::StatusOr<SourceRead> Read(SocketId socket) = 0;
  // The clock that event timestamps are taken from, in ns.
  virtual int64_t NowNs() const = 0;

  // Datagrams lost by that socket since the start, past renewals too.
  virtual absl::StatusOr<uint64_t> Drops(SocketId /*socket*/) { return 0; }
  // Granted to the life socket in use; 0 where there is none.
  virtual uint32_t ReceiveBufferBytes() const { return 0; }
  // Unix time less that clock, in ns. Thread safe.
  virtual int64_t UnixOffsetNs() const { return 0; }
  // Asks again for events. `renew` also replaces the sockets. The answer has been waited for.
  virtual absl::Status Subscribe(bool /*renew*/) { return absl::OkStatus(); }
  // Begins to make the kernel send an acknowledgement from each CPU, which carries its sequence
  // number, through the life socket. False if that is not possible now.
  virtual bool BeginProbe() { return false; }
  // Whether some of them are still to be sent.
  virtual bool IsProbing() { return false; }
  // What is known to be lost without an audit of the sequence numbers, since the start: of a
  // recording, which can be searched as a whole. Nothing where they have to be audited.
  virtual std::optional<uint64_t> KnownLosses() const { return std::nullopt; }
  // OK while more can come; otherwise why not (the end of a recording).
  virtual absl::Status Ended() const { return absl::OkStatus(); }
  // OK if reads of SocketId::kComm give the names of programs, else why not.
  virtual absl::Status GivesNames() const {
    return absl::UnavailableError("names of programs were not asked for");
  }
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_DATAGRAM_SOURCE_H_
