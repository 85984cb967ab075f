// SPDX-License-Identifier: Apache-2.0
// The socket filters that divide the connector's stream, so that a flood of one process' comm,
// ptrace, uid or gid events, or of answers to its requests (two to three million and some hundred
// thousand a second, without any privilege) fills another buffer than the one that fork, exec and
// exit arrive through.
#ifndef CNPROC_COLLECTORS_KERNEL_SOCKET_FILTER_H_
#define CNPROC_COLLECTORS_KERNEL_SOCKET_FILTER_H_

#include <linux/filter.h>

#include <array>
#include <cstdint>

#include "collectors/kernel/datagram.h"

namespace cnproc {

using ConnectorFilterProgram = std::array<sock_filter, 14>;

// A classic BPF program. Every datagram passes exactly one of the two: what is too short or unknown
// passes the life socket's, where it is counted. The kernel answers everybody's requests to all who
// listen: of the acknowledgements only those numbered `ack` pass the life socket's. What a filter
// refuses is never counted as a drop.
ConnectorFilterProgram ConnectorFilter(SocketId socket, uint32_t ack);

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_SOCKET_FILTER_H_
