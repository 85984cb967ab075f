// SPDX-License-Identifier: Apache-2.0
// What the machine says about itself, read without the exporter.
#ifndef CNPROC_TESTS_E2E_HARNESS_MACHINE_H_
#define CNPROC_TESTS_E2E_HARNESS_MACHINE_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace cnproc::e2e {

// Major and minor of the running kernel.
std::pair<int, int> KernelVersion();

// From 6.6 on anyone may listen, and every listener has its own subscription.
bool AnyoneMayListen();

// "0,1,...": the CPUs this process may use, for the workload's storms.
std::string CpuList();

struct Tasks {
  int64_t processes = 0;  // with at least one living thread
  int64_t threads = 0;    // living: neither zombie nor dead
};
Tasks CountTasks();

struct ConnectorSocket {
  uint32_t port = 0;
  uint32_t groups = 0;
  uint64_t queued_bytes = 0;
  uint64_t drops = 0;
};
// The connector's sockets of a process, by /proc/net/netlink.
std::vector<ConnectorSocket> ConnectorSockets(pid_t pid);

struct Usage {
  double cpu_seconds = 0;  // user and system, in nanosecond resolution (schedstat)
  int64_t resident_bytes = 0;
  int64_t own_bytes = 0;  // of these, what it made itself; the rest are pages of files
  int64_t wakeups = 0;    // voluntary context switches of all its threads
  int64_t descriptors = 0;
  int64_t threads = 0;
};
Usage UsageOf(pid_t pid);

}  // namespace cnproc::e2e

#endif  // CNPROC_TESTS_E2E_HARNESS_MACHINE_H_
