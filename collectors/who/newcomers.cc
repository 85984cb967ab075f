// SPDX-License-Identifier: Apache-2.0
#include "collectors/who/newcomers.h"

namespace cnproc {

uint64_t Newcomers::Count(std::string_view text, int64_t now_ns, int64_t memory_ns) {
  const auto found = by_text_.find(text);
  if (found != by_text_.end()) {
    Newcomer& newcomer = *found->second;
    newest_first_.splice(newest_first_.begin(), newest_first_, found->second);
    if (now_ns - newcomer.last_ns > memory_ns) newcomer.times = 0;
    newcomer.last_ns = now_ns;
    return ++newcomer.times;
  }
  if (newest_first_.size() == kCapacity) {
    by_text_.erase(newest_first_.back().text);
    newest_first_.pop_back();
  }
  newest_first_.push_front({.text = std::string(text), .times = 1, .last_ns = now_ns});
  by_text_.emplace(newest_first_.front().text, newest_first_.begin());
  return 1;
}

void Newcomers::Forget(std::string_view text) {
  const auto found = by_text_.find(text);
  if (found == by_text_.end()) return;
  const auto newcomer = found->second;
  by_text_.erase(found);
  newest_first_.erase(newcomer);
}

}  // namespace cnproc
