// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/socket_filter.h"

#include <arpa/inet.h>
#include <linux/connector.h>
#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>

#include "collectors/kernel/cn_proc.h"

namespace cnproc {
namespace {

constexpr uint32_t kAckOffset = sizeof(nlmsghdr) + offsetof(cn_msg, ack);
constexpr uint32_t kWhatOffset = kConnectorHeaderBytes;
// process_pid, process_tgid and the real id come before the effective one.
constexpr uint32_t kEffectiveUidOffset = kConnectorHeaderBytes + 16 + 12;
constexpr uint32_t kPassBytes = UINT32_MAX;

// BPF loads words in network order, the event is in the host's.
uint32_t AsLoaded(What what) { return htonl(static_cast<uint32_t>(what)); }

}  // namespace

ConnectorFilterProgram ConnectorFilter(SocketId socket, uint32_t ack) {
  constexpr uint8_t kUid = 9;
  constexpr uint8_t kLife = 12;
  constexpr uint8_t kAttribute = 13;
  const uint32_t life = socket == SocketId::kLife ? kPassBytes : 0;
  const uint32_t attribute = socket == SocketId::kAttribute ? kPassBytes : 0;
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
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AsLoaded(What::kNone), 0, jump(6, kUid)),
      /*  7 */ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kAckOffset),
      /*  8 */
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(ack), jump(8, kLife), jump(8, kAttribute)),
      /*  9 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AsLoaded(What::kUid), 0, jump(kUid, kLife)),
      // Anybody can flip uids within a user namespace; only real privilege reaches 0.
      /* 10 */ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kEffectiveUidOffset),
      /* 11 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, jump(11, kAttribute)),
      /* 12 */ BPF_STMT(BPF_RET | BPF_K, life),
      /* 13 */ BPF_STMT(BPF_RET | BPF_K, attribute),
  }};
}

}  // namespace cnproc
