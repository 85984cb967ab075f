// SPDX-License-Identifier: Apache-2.0
// Names and passwords (RFC 7617) against bcrypt hashes.
#ifndef CNPROC_EXPORTER_WEB_BASIC_AUTH_H_
#define CNPROC_EXPORTER_WEB_BASIC_AUTH_H_

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/base/mutex.h"

namespace cnproc {

// "$2y$12$" and 53 characters; $2a$ and $2b$ too.
bool IsBcryptHash(std::string_view hash);
// Of such a hash: one more doubles the time of a verification, and 18 takes 16 s.
int BcryptCost(std::string_view hash);
inline constexpr int kMaxBcryptCost = 18;

// Thread safe. A password that was verified is remembered as a keyed hash, so that later requests
// do not pay for bcrypt; the key lives and dies with this object. One bcrypt runs at a time, so
// that passwords cost one CPU at most, and whoever is remembered never waits for it. Those who do
// are few in all and fewer from one address, so that a host that guesses passwords does not keep
// others out, and each waits for seconds at most: where hashes are costly the first scrapes are
// told to come again, until one that waited no longer was verified. Every refusal takes as long as
// the most costly hash, so that no time tells whether a user exists.
class BasicAuth {
 public:
  enum class Verdict {
    kAllowed,
    kRefused,
    kBusy,  // too many wait for bcrypt, or it takes too long: ask again
  };

  // Less than most scrapers wait for an answer, so that they see the reason and not a time-out.
  static constexpr std::chrono::milliseconds kMaxWait{5000};

  // Name to hash; not empty. max_wait: for one's turn.
  explicit BasicAuth(const std::map<std::string, std::string>& users,
                     std::chrono::milliseconds max_wait = kMaxWait);

  // Of the value of an Authorization header, "" if there is none, from a client's address.
  Verdict Check(std::string_view authorization, const std::string& client = "");

  // How often bcrypt ran.
  uint64_t verifications() const { return verifications_; }

 private:
  using Mac = std::array<uint8_t, 32>;
  struct Login {
    std::string user;
    std::string password;
  };
  struct User {
    Mac name;
    std::string hash;
  };

  static std::optional<Login> ParseAuthorization(std::string_view header);
  Mac KeyedHash(std::string_view purpose, std::string_view text) const;
  std::optional<size_t> FindUser(const Mac& name) const;
  bool IsRemembered(size_t user, const Mac& login) ABSL_LOCKS_EXCLUDED(remembered_mutex_);
  // Waits for its turn; false if it does not come. Whoever began must end.
  bool BeginBcrypt(const std::string& client) ABSL_LOCKS_EXCLUDED(turn_mutex_);
  void EndBcrypt() ABSL_LOCKS_EXCLUDED(turn_mutex_);
  bool EnterQueue(const std::string& client) ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_mutex_);
  // Of one whose turn it is. `user` is nothing for a name that does not exist.
  bool Verify(const Login& login, const Mac& mac, std::optional<size_t> user);

  const std::chrono::milliseconds max_wait_;
  std::array<uint8_t, 32> key_;
  std::vector<User> users_;
  std::atomic<uint64_t> verifications_{0};

  int max_cost_ = 0;  // of all users' hashes

  Mutex turn_mutex_;
  std::condition_variable_any turn_;
  // The clients whose turn is to come, in the order in which they came; the first one's bcrypt
  // runs.
  std::list<std::string> queue_ ABSL_GUARDED_BY(turn_mutex_);
  Mutex remembered_mutex_;
  // By user: the login that was verified last.
  std::vector<std::optional<Mac>> remembered_ ABSL_GUARDED_BY(remembered_mutex_);
};

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_WEB_BASIC_AUTH_H_
