// SPDX-License-Identifier: Apache-2.0
// std::mutex with clang's thread-safety annotations. Not absl::Mutex: ThreadSanitizer does not see
// into the distribution's build of it.
#ifndef CNPROC_COLLECTORS_BASE_MUTEX_H_
#define CNPROC_COLLECTORS_BASE_MUTEX_H_

#include <mutex>

#if defined(__clang__)
#define CNPROC_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define CNPROC_THREAD_ANNOTATION(x)
#endif

#define CNPROC_GUARDED_BY(mutex) CNPROC_THREAD_ANNOTATION(guarded_by(mutex))
#define CNPROC_REQUIRES(mutex) CNPROC_THREAD_ANNOTATION(requires_capability(mutex))
#define CNPROC_EXCLUDES(mutex) CNPROC_THREAD_ANNOTATION(locks_excluded(mutex))

namespace cnproc {

// Also a BasicLockable, so that std::condition_variable_any takes it.
class CNPROC_THREAD_ANNOTATION(capability("mutex")) Mutex {
 public:
  void lock() CNPROC_THREAD_ANNOTATION(acquire_capability()) { mutex_.lock(); }
  void unlock() CNPROC_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

class CNPROC_THREAD_ANNOTATION(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) CNPROC_THREAD_ANNOTATION(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() CNPROC_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_BASE_MUTEX_H_
