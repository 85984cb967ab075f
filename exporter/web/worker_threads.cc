// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/worker_threads.h"

#include <absl/strings/str_cat.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <future>
#include <thread>
#include <vector>

namespace cnproc {

// Inlined, its frame would be the caller's, and what the caller calls next would stand among the
// pages that go.
[[gnu::noinline]] void ReleaseStack() {
  constexpr uintptr_t kPageBytes = 4096;
  constexpr uintptr_t kPages = 16;                 // of the 64 or more that a worker's stack has
  constexpr uintptr_t kFrameOfMadviseBytes = 256;  // generously: it is a bare system call
  char* const deepest = static_cast<char*>(__builtin_frame_address(0)) - kFrameOfMadviseBytes;
  char* const end = deepest - reinterpret_cast<uintptr_t>(deepest) % kPageBytes;
  madvise(end - kPages * kPageBytes, kPages * kPageBytes, MADV_DONTNEED);
}

// Whoever runs the exporter at real-time priority means the stream, not what outsiders ask for.
void LeaveRealTime() {
  const sched_param none = {};
  pthread_setschedparam(pthread_self(), SCHED_OTHER, &none);
}

int CountStartableThreads(int wanted) {
  std::promise<void> counted;
  const std::shared_future<void> end = counted.get_future().share();
  std::vector<std::thread> threads;
  try {
    threads.reserve(static_cast<size_t>(wanted));
    while (static_cast<int>(threads.size()) < wanted) threads.emplace_back([end] { end.wait(); });
  } catch (const std::exception&) {  // that many it is
  }
  counted.set_value();
  for (std::thread& thread : threads) thread.join();
  return static_cast<int>(threads.size());
}

// Each worker serves one connection. Where descriptors run out the collector cannot read /proc.
absl::Status ReserveDescriptors(int workers, int queued) {
  constexpr rlim_t kOthers = 64;
  const rlim_t needed = static_cast<rlim_t>(workers) + static_cast<rlim_t>(queued) + kOthers;
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed) return absl::OkStatus();
  limit.rlim_cur = std::min(needed, limit.rlim_max);
  if (limit.rlim_cur >= needed && setrlimit(RLIMIT_NOFILE, &limit) == 0) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "the web server needs ", needed, " file descriptors, and the limit is ", limit.rlim_max,
      ": raise it (ulimit -n, LimitNOFILE= of the unit) or lower --web.max-requests"));
}

}  // namespace cnproc
