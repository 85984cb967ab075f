// SPDX-License-Identifier: Apache-2.0
// A second listener of the connector, written on its own, with a buffer that does not overrun:
// what it saw is what the kernel made. It also knows which events belong to the test's own
// descendants, so that a test can tell when the rest of the machine was silent.
#ifndef CNPROC_TESTS_E2E_HARNESS_WITNESS_H_
#define CNPROC_TESTS_E2E_HARNESS_WITNESS_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_set>

#include "tests/e2e/harness/clock.h"

namespace cnproc::e2e {

// Event counts since the witness was made.
struct Seen {
  std::map<std::string, int64_t> events;  // by interface.md's name of the event
  int64_t process_forks = 0;
  int64_t thread_forks = 0;
  int64_t foreign = 0;  // events of processes that do not descend from the test

  int64_t Total() const;
};

Seen operator-(const Seen& after, const Seen& before);

// Whether the witness also hears COMM events and answers to requests: a flood of either would
// overrun any buffer.
enum class Floods { kHear, kFilter };

// Thread safe.
class Witness {
 public:
  explicit Witness(Floods floods = Floods::kHear);
  ~Witness();
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

  // Throws if the witness itself has lost an event: then it proves nothing.
  Seen Look() const;

  // Waits until no event has come for that long; false after the time limit.
  bool WaitForSilence(milliseconds silence, milliseconds limit) const;

 private:
  void Listen();
  void Count(const char* datagram, size_t length);  // with mutex_ held

  int fd_;
  std::atomic<bool> stop_ = false;
  mutable std::mutex mutex_;
  Seen seen_;                              // guarded by mutex_
  std::unordered_set<pid_t> descendants_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace cnproc::e2e

#endif  // CNPROC_TESTS_E2E_HARNESS_WITNESS_H_
