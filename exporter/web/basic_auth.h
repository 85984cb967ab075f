// SPDX-License-Identifier: Apache-2.0
// Names and passwords (RFC 7617) against bcrypt hashes.
#ifndef CNPROC_EXPORTER_WEB_BASIC_AUTH_H_
#define CNPROC_EXPORTER_WEB_BASIC_AUTH_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/base/mutex.h"

namespace cnproc {

// "$2y$12$" and 53 characters; $2a$ and $2b$ too.
bool IsBcryptHash(std::string_view hash);
// Of such a hash: one more doubles the time of a verification, and 16 takes 4 s.
int BcryptCost(std::string_view hash);
inline constexpr int kMaxBcryptCost = 16;

// Thread safe. A password that was verified is remembered as a keyed hash, so that later requests
// do not pay for bcrypt; the key lives and dies with this object. One bcrypt runs at a time, and
// whoever is remembered never waits for it. Those who do are few in all and fewer from one address,
// so that a host that guesses passwords does not keep others out. Nothing in the time of an answer
// tells whether a user exists.
class BasicAuth {
 public:
  enum class Verdict {
    kAllowed,
    kRefused,
    kBusy,  // too many wait for bcrypt: ask again
  };

  // Name to hash; not empty.
  explicit BasicAuth(const std::map<std::string, std::string>& users);

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
  bool BeginToWait(const std::string& client) ABSL_LOCKS_EXCLUDED(waiting_mutex_);
  void EndToWait(const std::string& client) ABSL_LOCKS_EXCLUDED(waiting_mutex_);
  // Of one who waits. `user` is nothing for a name that does not exist.
  bool Verify(const Login& login, const Mac& name, const Mac& mac, std::optional<size_t> user);

  std::array<uint8_t, 32> key_;
  std::vector<User> users_;
  std::atomic<uint64_t> verifications_{0};

  Mutex waiting_mutex_;
  std::map<std::string, int> waiting_ ABSL_GUARDED_BY(waiting_mutex_);  // by client
  Mutex bcrypt_mutex_;  // held for as long as one verification takes
  Mutex remembered_mutex_;
  // By user: the login that was verified last.
  std::vector<std::optional<Mac>> remembered_ ABSL_GUARDED_BY(remembered_mutex_);
};

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_WEB_BASIC_AUTH_H_
