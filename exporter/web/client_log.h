// SPDX-License-Identifier: Apache-2.0
// What the log says of clients that got nowhere: enough to find them, never a flood.
#ifndef CNPROC_EXPORTER_WEB_CLIENT_LOG_H_
#define CNPROC_EXPORTER_WEB_CLIENT_LOG_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "collectors/base/mutex.h"

namespace cnproc {

// At most one line a minute of one address and ten a minute in all; each tells how often it has
// happened at that address since the last one. Thread safe.
class ClientLog {
 public:
  // Where lines go: what happened, to whom, why ("" if that is in `what`), and how often.
  using Sink = std::function<void(std::string_view what, std::string_view client,
                                  std::string_view reason, uint64_t times)>;

  explicit ClientLog(Sink sink) : sink_(std::move(sink)) {}

  void Say(std::string_view what, const std::string& client, std::string_view reason,
           int64_t now_ns) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Client {
    int64_t due_ns = 0;
    uint64_t times = 0;  // since the last line
  };

  // 0: no line.
  uint64_t TimesToSay(const std::string& client, int64_t now_ns) ABSL_LOCKS_EXCLUDED(mutex_);

  const Sink sink_;
  Mutex mutex_;
  std::map<std::string, Client> clients_ ABSL_GUARDED_BY(mutex_);
  int64_t minute_ends_ns_ ABSL_GUARDED_BY(mutex_) = 0;
  int lines_ ABSL_GUARDED_BY(mutex_) = 0;  // in this minute
};

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_WEB_CLIENT_LOG_H_
