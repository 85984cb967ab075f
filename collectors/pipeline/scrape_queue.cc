// SPDX-License-Identifier: Apache-2.0
#include "collectors/pipeline/scrape_queue.h"

#include <algorithm>

#include "absl/base/macros.h"

namespace cnproc {

using std::chrono::steady_clock;

bool ScrapeQueue::AwaitPage(MakePage make_page, absl::FunctionRef<void()> wake,
                            std::chrono::milliseconds patience) {
  const auto deadline = steady_clock::now() + patience;
  Request request{.make_page = make_page, .thrown = nullptr};
  {
    MutexLock lock(mutex_);
    waiting_.push_back(&request);
    wake();
    while (request.state == State::kWaiting) {
      if (served_.wait_until(mutex_, deadline) != std::cv_status::timeout) continue;
      if (request.state != State::kWaiting) break;
      const auto own = std::find(waiting_.begin(), waiting_.end(), &request);
      if (static_cast<size_t>(own - waiting_.begin()) < of_this_round_) --of_this_round_;
      waiting_.erase(own);
      return false;
    }
    while (request.state != State::kServed) served_.wait(mutex_);
  }
  if (request.thrown) std::rethrow_exception(request.thrown);
  return true;
}

bool ScrapeQueue::BeginRound() {
  MutexLock lock(mutex_);
  of_this_round_ = waiting_.size();
  return of_this_round_ > 0;
}

void ScrapeQueue::ServePages(std::chrono::milliseconds most) {
  const auto deadline = steady_clock::now() + most;
  for (;;) {
    Request* request = nullptr;
    {
      MutexLock lock(mutex_);
      ABSL_ASSERT(of_this_round_ <= waiting_.size());
      if (of_this_round_ == 0 || steady_clock::now() >= deadline) return;
      request = waiting_.front();
      waiting_.pop_front();
      --of_this_round_;
      request->state = State::kBeingServed;
    }
    try {
      request->make_page();
    } catch (...) {  // for want of memory; the scrape's affair, not the stream's
      request->thrown = std::current_exception();
    }
    MutexLock lock(mutex_);
    request->state = State::kServed;
    served_.notify_all();
  }
}

}  // namespace cnproc
