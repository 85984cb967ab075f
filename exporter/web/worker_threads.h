// SPDX-License-Identifier: Apache-2.0
// What CivetWeb's worker threads need, and how they stay cheap.
#ifndef CNPROC_EXPORTER_WEB_WORKER_THREADS_H_
#define CNPROC_EXPORTER_WEB_WORKER_THREADS_H_

#include <absl/status/status.h>

namespace cnproc {

// Raises the process' soft limit (RLIMIT_NOFILE) if it has to. ResourceExhausted where the hard one
// is too low. `queued` connections wait for one of the workers.
absl::Status ReserveDescriptors(int workers, int queued);

// How many threads can be started beside those that run, tried with up to `wanted`. CivetWeb starts
// the one that accepts last, and without it cannot be stopped: so whoever starts it must know.
int CountStartableThreads(int wanted);

// Gives the pages below the caller's frame back. They are of use to a request and of none to an
// idle worker.
void ReleaseStack();
// Of a thread that has just started, about itself.
void LeaveRealTime();

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_WEB_WORKER_THREADS_H_
