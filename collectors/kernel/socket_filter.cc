// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/socket_filter.h"

#include <arpa/inet.h>

#include <array>
#include <cstdint>

#include "collectors/kernel/cn_proc.h"

namespace cnproc {
namespace {

constexpr uint32_t kWhatOffset = kConnectorHeaderBytes;
// process_pid, process_tgid and the real id come before the effective one.
constexpr uint32_t kEffectiveUidOffset = kConnectorHeaderBytes + 16 + 12;
constexpr uint32_t kPassBytes = UINT32_MAX;

// BPF loads words in network order, the event is in the host's.
uint32_t AsLoaded(What what) { return htonl(static_cast<uint32_t>(what)); }

using Program = std::array<sock_filter, 11>;

Program MakeProgram(uint32_t life, uint32_t attribute) {
  constexpr uint8_t kLife = 9;
  constexpr uint8_t kAttribute = 10;
  // The distance from the instruction after `from` to `to`.
  const auto jump = [](uint8_t from, uint8_t to) { return static_cast<uint8_t>(to - from - 1); };
  return {{
      /*  0 */ BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
      /*  1 */ BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kEffectiveUidOffset + 4, 0, jump(1, kLife)),
      /*  2 */ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kWhatOffset),
      /*  3 */
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AsLoaded(What::kComm), jump(3, kAttribute), 0),
      /*  4 */
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AsLoaded(What::kPtrace), jump(4, kAttribute), 0),
      /*  5 */
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AsLoaded(What::kGid), jump(5, kAttribute), 0),
      /*  6 */
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AsLoaded(What::kUid), 0, jump(6, kLife)),
      // Anybody can flip uids within a user namespace; only real privilege reaches 0.
      /*  7 */ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kEffectiveUidOffset),
      /*  8 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, jump(8, kAttribute)),
      /*  9 */ BPF_STMT(BPF_RET | BPF_K, life),
      /* 10 */ BPF_STMT(BPF_RET | BPF_K, attribute),
  }};
}

}  // namespace

std::span<const sock_filter> ConnectorFilter(SocketId socket) {
  static const Program kLifeProgram = MakeProgram(kPassBytes, 0);
  static const Program kAttributeProgram = MakeProgram(0, kPassBytes);
  return socket == SocketId::kLife ? kLifeProgram : kAttributeProgram;
}

}  // namespace cnproc
