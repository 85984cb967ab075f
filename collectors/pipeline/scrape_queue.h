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

// The collector thread, which owns the numbers, makes the pages too, between two rounds and at its
// own priority. So no scrape holds up the stream, and a page has all that had happened when it was
// asked for. A scrape that waits too long leaves the queue, and makes its page itself. The queue is
// as long as there are threads that scrape.
//
// The first of_this_round_ requests in waiting_ asked before the round began; the others wait for
// the next round. A request is in waiting_ if and only if its state is kWaiting.
class ScrapeQueue {
 public:
  // Makes a page. Not called after AwaitPage has returned.
  using MakePage = absl::FunctionRef<void()>;

  // Called by a scrape, in its own thread. `wake` makes the collector thread begin a round. True
  // once `make_page` has run in that thread; what it threw is thrown here. False if it has not
  // begun to run within `patience`: then it never will.
  bool AwaitPage(MakePage make_page, absl::FunctionRef<void()> wake,
                 std::chrono::milliseconds patience);

  // Called by the collector thread when a round begins. Whether any scrape waits: those that do are
  // served by the next ServePages.
  bool BeginRound();
  // Called by the collector thread when a round has left nothing unread. Serves for about `most`;
  // whoever is left waits for the next round, because the stream has to be read.
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
  std::deque<Request*> waiting_ ABSL_GUARDED_BY(mutex_);
  size_t of_this_round_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PIPELINE_SCRAPE_QUEUE_H_
