// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/client_log.h"

#include "collectors/base/time.h"

namespace cnproc {
namespace {

constexpr int64_t kMinuteNs = 60 * kNsPerSecond;
constexpr int kMaxLinesAMinute = 10;
constexpr size_t kMaxClients = 256;

}  // namespace

uint64_t ClientLog::TimesToSay(const std::string& client, int64_t now_ns) {
  const MutexLock lock(mutex_);
  if (now_ns >= minute_ends_ns_) {
    minute_ends_ns_ = now_ns + kMinuteNs;
    lines_ = 0;
    if (clients_.size() >= kMaxClients) clients_.clear();
  }
  const auto known = clients_.find(client);
  if (known == clients_.end() && clients_.size() >= kMaxClients) return 0;
  Client& counted = clients_[client];
  ++counted.times;
  if (now_ns < counted.due_ns || lines_ >= kMaxLinesAMinute) return 0;
  counted.due_ns = now_ns + kMinuteNs;
  ++lines_;
  return std::exchange(counted.times, 0);
}

void ClientLog::Say(std::string_view what, const std::string& client, std::string_view reason,
                    int64_t now_ns) {
  const uint64_t times = TimesToSay(client, now_ns);
  // Whoever reads the log may be slow: outside the lock.
  if (times > 0) sink_(what, client, reason, times);
}

}  // namespace cnproc
