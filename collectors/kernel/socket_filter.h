// SPDX-License-Identifier: Apache-2.0
// The socket filters that divide the connector's stream, so that a flood of one process' comm,
// ptrace, uid or gid events (two to three million a second, without any privilege) fills another
// buffer than the one that fork, exec and exit arrive through.
#ifndef CNPROC_COLLECTORS_KERNEL_SOCKET_FILTER_H_
#define CNPROC_COLLECTORS_KERNEL_SOCKET_FILTER_H_

#include <linux/filter.h>

#include <span>

#include "collectors/kernel/datagram.h"

namespace cnproc {

// A classic BPF program of static storage. Every datagram passes exactly one of the two: what
// is too short or unknown passes the life socket's, where it is counted. What a filter refuses is
// never counted as a drop.
std::span<const sock_filter> ConnectorFilter(SocketId socket);

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_SOCKET_FILTER_H_
