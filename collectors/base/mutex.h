// SPDX-License-Identifier: Apache-2.0
// A mutex for threads of unlike priority, and what it guards. Not absl::Mutex: ThreadSanitizer does
// not see into the distribution's build of it, and it lends nobody a priority.
#ifndef CNPROC_COLLECTORS_BASE_MUTEX_H_
#define CNPROC_COLLECTORS_BASE_MUTEX_H_

#include <pthread.h>

#include <utility>

#include "absl/base/thread_annotations.h"

namespace cnproc {

// Whoever holds it runs with the priority of whoever waits for it (PTHREAD_PRIO_INHERIT): a scrape
// of normal priority that is preempted while it holds the lock cannot stop a collector thread that
// runs SCHED_FIFO. Also a BasicLockable, so that std::condition_variable_any takes it.
class ABSL_LOCKABLE Mutex {
 public:
  Mutex() {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    // A kernel without priority inheritance leaves a plain mutex, which is as right.
    pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
    if (pthread_mutex_init(&mutex_, &attributes) != 0) pthread_mutex_init(&mutex_, nullptr);
    pthread_mutexattr_destroy(&attributes);
  }
  ~Mutex() { pthread_mutex_destroy(&mutex_); }
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { pthread_mutex_lock(&mutex_); }
  void unlock() ABSL_UNLOCK_FUNCTION() { pthread_mutex_unlock(&mutex_); }

 private:
  pthread_mutex_t mutex_;
};

class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// The lock and what it guards are one object: nobody reaches the one without the other.
template <typename T>
class Guarded {
 public:
  // Holds the lock for as long as it lives.
  class Access {
   public:
    Access(Mutex& mutex, T& guarded) : lock_(mutex), guarded_(guarded) {}
    T* operator->() const { return &guarded_; }
    T& operator*() const { return guarded_; }

   private:
    const MutexLock lock_;
    T& guarded_;
  };

  template <typename... Arguments>
  explicit Guarded(Arguments&&... arguments) : guarded_(std::forward<Arguments>(arguments)...) {}

  Access Lock() { return Access(mutex_, guarded_); }

 private:
  Mutex mutex_;
  T guarded_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_BASE_MUTEX_H_
