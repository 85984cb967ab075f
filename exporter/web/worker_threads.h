// SPDX-License-Identifier: Apache-2.0
// What hundreds of CivetWeb's worker threads need, and how they stay cheap.
#ifndef CNPROC_EXPORTER_WEB_WORKER_THREADS_H_
#define CNPROC_EXPORTER_WEB_WORKER_THREADS_H_

#include <absl/status/status.h>

namespace cnproc {

// Raises the process' soft limit (RLIMIT_NOFILE) if it has to. ResourceExhausted where the hard one
// is too low.
absl::Status ReserveDescriptors(int workers);

// Both are for a thread that has just started, about itself.
void ReleaseStackOfStart();
void LeaveRealTime();

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_WEB_WORKER_THREADS_H_
