// SPDX-License-Identifier: Apache-2.0
// The values for which there was no room, and how often each of them came, so that one that keeps
// coming can be distinguished from one that came once.
#ifndef CNPROC_COLLECTORS_WHO_NEWCOMERS_H_
#define CNPROC_COLLECTORS_WHO_NEWCOMERS_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"

namespace cnproc {

// Remembers the newest kCapacity newcomers, so size() <= kCapacity. The count of a newcomer is
// exact as long as fewer than kCapacity others come between two times that it comes. Every
// operation takes constant time. Not thread safe.
class Newcomers {
 public:
  static constexpr size_t kCapacity = 256;

  // Counts `text` once more and returns how often it has come. The count begins again at 1 if it
  // last came more than `memory_ns` ago. `now_ns` never goes back.
  uint64_t Count(std::string_view text, int64_t now_ns, int64_t memory_ns);
  void Forget(std::string_view text);

  size_t size() const { return newest_first_.size(); }

 private:
  struct Newcomer {
    std::string text;
    uint64_t times = 0;
    int64_t last_ns = 0;
  };

  std::list<Newcomer> newest_first_;
  // Its keys are texts in the list, whose entries never move.
  absl::flat_hash_map<std::string_view, std::list<Newcomer>::iterator> by_text_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_WHO_NEWCOMERS_H_
