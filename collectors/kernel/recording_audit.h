// SPDX-License-Identifier: Apache-2.0
// Finds what is missing from a recording, by the sequence numbers of each CPU.
#ifndef CNPROC_COLLECTORS_KERNEL_RECORDING_AUDIT_H_
#define CNPROC_COLLECTORS_KERNEL_RECORDING_AUDIT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "collectors/kernel/datagram.h"

namespace cnproc {

// A message of the connector, as a recording has it.
struct RecordedNumber {
  SocketId socket = SocketId::kLife;
  uint32_t cpu = 0;
  uint32_t sequence = 0;
  int64_t received_ns = 0;  // 0: not known
  int64_t happened_ns = 0;  // 0: not known
};

// Numbers that nobody recorded.
struct RecordingGap {
  int64_t shown_ns = 0;  // when what came after it was received
  uint64_t count = 0;
};

// A recording is all there, so it is searched as a whole, whatever the speed at which it is
// replayed and however far the two sockets were read apart: numbers that the other socket brings
// later, even much later, are no gap.
//
// Where a recording ends or was cut, one socket may have been read and the other not; where it
// begins, one may have been opened before the other. So a gap counts only if each of the two
// sockets shows that it had been read past it: by a later number of the same CPU, or because it was
// read so long afterwards. In doubt it is none.
//
// Pure; not thread safe. Bounded: what a file claims may be anything.
class RecordingAudit {
 public:
  // Of both sockets, in the order in which they stand in the file.
  void OnMessage(const RecordedNumber& message);

  // After the last message: in the order of time.
  std::vector<RecordingGap> TakeGaps();

 private:
  // From the key on, a position.
  struct Missing {
    int64_t last = 0;
    int64_t before_ns = 0;  // when what came before it was received
    int64_t shown_ns = 0;   // the newest message that says so
  };
  // Positions are numbers past 2^32 too, relative to the first that came.
  struct Seen {
    int64_t first = 0;
    int64_t last = 0;
  };
  struct Cpu {
    std::array<std::optional<Seen>, kSocketCount> seen;
    uint32_t newest_sequence = 0;
    int64_t newest = 0;
    int64_t newest_received_ns = 0;
    int64_t oldest = 0;
    std::map<int64_t, Missing> missing;

    bool known() const { return seen[0] || seen[1]; }
  };
  int64_t PositionOf(const Cpu& cpu, uint32_t sequence) const;
  void Add(Cpu& cpu, int64_t first, const Missing& missing);
  void Fill(Cpu& cpu, int64_t position);
  bool IsGap(const Cpu& cpu, int64_t first, const Missing& missing) const;

  std::vector<Cpu> cpus_;                       // as many as were heard of
  std::array<int64_t, kSocketCount> lag_ns_{};  // how old the message read last was
  int64_t first_received_ns_ = 0;
  int64_t received_ns_ = 0;  // the newest so far
  size_t missing_ = 0;       // entries of all CPUs
  std::vector<RecordingGap> gaps_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_RECORDING_AUDIT_H_
