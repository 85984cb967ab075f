// SPDX-License-Identifier: Apache-2.0
// Where scrapes wait until the collector thread makes their pages.
#ifndef CNPROC_COLLECTORS_PIPELINE_SCRAPE_QUEUE_H_
#define CNPROC_COLLECTORS_PIPELINE_SCRAPE_QUEUE_H_

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>

#include "absl/functional/function_ref.h"
#include "collectors/base/mutex.h"

namespace cnproc {

// The thread that owns the numbers makes the pages too, between two rounds and at its own priority:
// so no scrape holds up the stream, and a page has all that there was when it was asked for. A
// scrape that the thread does not get to in time is told so. Bounded by the threads that scrape.
class ScrapeQueue {
 public:
  // Makes a page. Not called after AwaitPage has returned.
  using MakePage = absl::FunctionRef<void()>;

  // Of a scrape, in its own thread. `wake` makes the collector thread begin a round. True once
  // `make_page` has run in that thread; what it threw is thrown here. False if that has not begun
  // within `patience`, and will not.
  bool AwaitPage(MakePage make_page, absl::FunctionRef<void()> wake,
                 std::chrono::milliseconds patience);

  // Of the collector thread. When a round begins: whether any scrape waits. Those that do are
  // served by the next ServePages.
  bool BeginRound();
  // When a round has left nothing unread. After `most` of time those that are left wait for the
  // next round: the stream has to be read.
  void ServePages(std::chrono::milliseconds most);

 private:
  enum class State : uint8_t { kWaiting, kBeingServed, kServed };
  struct Request {
    MakePage make_page;
    State state = State::kWaiting;
    std::exception_ptr thrown;
  };

  Mutex mutex_;
  std::condition_variable_any served_;
  // Those at the front asked before the round began.
  std::deque<Request*> waiting_ ABSL_GUARDED_BY(mutex_);
  size_t of_this_round_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PIPELINE_SCRAPE_QUEUE_H_
