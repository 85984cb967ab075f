// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/worker_threads.h"

#include <absl/strings/str_cat.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>

namespace cnproc {

// The start of a thread uses a page of stack that an idle worker never needs again. Given back, it
// makes hundreds of workers cheaper by a third.
void ReleaseStackOfStart() {
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

// Each worker has an event of CivetWeb's and serves one connection. Where events run out CivetWeb
// corrupts its heap, and where connections do the collector cannot read /proc.
absl::Status ReserveDescriptors(int workers) {
  constexpr rlim_t kOthers = 64;
  const rlim_t needed = 2 * static_cast<rlim_t>(workers) + kOthers;
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed) return absl::OkStatus();
  limit.rlim_cur = std::min(needed, limit.rlim_max);
  if (limit.rlim_cur >= needed && setrlimit(RLIMIT_NOFILE, &limit) == 0) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "the web server needs ", needed, " file descriptors, and the limit is ", limit.rlim_max,
      ": raise it (ulimit -n, LimitNOFILE= of the unit) or lower --web.max-requests"));
}

}  // namespace cnproc
