// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/basic_auth.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <strings.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <memory>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace cnproc {
namespace {

// One verification takes a quarter of a second with a cost of 12.
constexpr size_t kMaxWaiting = 8;
constexpr int kMaxWaitingOfOne = 2;

bool Same(const uint8_t* a, const uint8_t* b, size_t size) {
  return CRYPTO_memcmp(a, b, size) == 0;
}

// `setting` is a hash or what one begins with.
std::string Bcrypt(const std::string& password, const std::string& setting) {
  const auto scratch = std::make_unique<crypt_data>();  // 32 KiB: too much for a worker's stack
  const char* computed = crypt_r(password.c_str(), setting.c_str(), scratch.get());
  return computed == nullptr ? "" : computed;
}

bool VerifyBcrypt(const std::string& password, const std::string& hash) {
  const std::string computed = Bcrypt(password, hash);
  return computed.size() == hash.size() &&
         CRYPTO_memcmp(computed.data(), hash.data(), hash.size()) == 0;
}

// Takes the time of one verification of that cost.
void SpendBcrypt(const std::string& password, int cost) {
  (void)Bcrypt(password,
               absl::StrCat("$2y$", absl::Dec(cost, absl::kZeroPad2), "$abcdefghijklmnopqrstuu"));
}

}  // namespace

bool IsBcryptHash(std::string_view hash) {
  constexpr size_t kSize = 60;
  constexpr std::string_view kAlphabet =
      "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  if (hash.size() != kSize || hash[0] != '$' || hash[1] != '2' || hash[3] != '$' ||
      hash[6] != '$') {
    return false;
  }
  if (hash[2] != 'a' && hash[2] != 'b' && hash[2] != 'y') return false;
  const std::string_view cost = hash.substr(4, 2);
  if (cost < "04" || cost > "31" || cost[1] < '0' || cost[1] > '9') return false;
  return hash.find_first_not_of(kAlphabet, 7) == std::string_view::npos;
}

int BcryptCost(std::string_view hash) { return (hash[4] - '0') * 10 + (hash[5] - '0'); }

BasicAuth::BasicAuth(const std::map<std::string, std::string>& users,
                     std::chrono::milliseconds max_wait)
    : max_wait_(max_wait), key_() {
  // Should it fail, hashes have a key that is known: they never leave this process.
  (void)RAND_bytes(key_.data(), static_cast<int>(key_.size()));
  users_.reserve(users.size());
  for (const auto& [name, hash] : users) {
    users_.push_back({KeyedHash("user", name), hash});
    max_cost_ = std::max(max_cost_, BcryptCost(hash));
  }
  const MutexLock lock(remembered_mutex_);
  remembered_.resize(users_.size());
}

std::optional<BasicAuth::Login> BasicAuth::ParseAuthorization(std::string_view header) {
  constexpr std::string_view kScheme = "Basic ";
  if (header.size() < kScheme.size() ||
      strncasecmp(header.data(), kScheme.data(), kScheme.size()) != 0) {
    return std::nullopt;
  }
  header.remove_prefix(kScheme.size());
  std::string text;
  if (!absl::Base64Unescape(absl::string_view(header.data(), header.size()), &text)) {
    return std::nullopt;
  }
  const size_t colon = text.find(':');
  if (colon == std::string::npos) return std::nullopt;
  // crypt(3) would take what stands before the NUL for the whole password.
  if (text.find('\0') != std::string::npos) return std::nullopt;
  return Login{text.substr(0, colon), text.substr(colon + 1)};
}

BasicAuth::Mac BasicAuth::KeyedHash(std::string_view purpose, std::string_view text) const {
  Mac mac = {};
  std::string message;
  message.append(purpose).push_back('\0');
  message.append(text);
  unsigned int size = mac.size();
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
       reinterpret_cast<const unsigned char*>(message.data()), message.size(), mac.data(), &size);
  return mac;
}

std::optional<size_t> BasicAuth::FindUser(const Mac& name) const {
  std::optional<size_t> found;
  for (size_t i = 0; i < users_.size(); ++i) {
    if (Same(users_[i].name.data(), name.data(), name.size())) found = i;
  }
  return found;
}

bool BasicAuth::IsRemembered(size_t user, const Mac& login) {
  const MutexLock lock(remembered_mutex_);
  return remembered_[user] && Same(remembered_[user]->data(), login.data(), login.size());
}

bool BasicAuth::EnterQueue(const std::string& client) {
  const auto own = std::count(queue_.begin(), queue_.end(), client);
  if (queue_.size() >= kMaxWaiting || own >= kMaxWaitingOfOne) return false;
  queue_.push_back(client);
  return true;
}

bool BasicAuth::BeginBcrypt(const std::string& client) {
  const auto deadline = std::chrono::steady_clock::now() + max_wait_;
  const MutexLock lock(turn_mutex_);
  if (!EnterQueue(client)) return false;
  const auto place = std::prev(queue_.end());
  while (place != queue_.begin()) {
    if (turn_.wait_until(turn_mutex_, deadline) == std::cv_status::no_timeout) continue;
    if (place == queue_.begin()) break;
    queue_.erase(place);
    return false;
  }
  return true;
}

void BasicAuth::EndBcrypt() {
  const MutexLock lock(turn_mutex_);
  queue_.pop_front();
  turn_.notify_all();
}

BasicAuth::Verdict BasicAuth::Check(std::string_view authorization, const std::string& client) {
  const std::optional<Login> login = ParseAuthorization(authorization);
  if (!login) return Verdict::kRefused;
  const Mac name = KeyedHash("user", login->user);
  const Mac mac = KeyedHash("login", absl::StrCat(login->user, ":", login->password));
  const std::optional<size_t> user = FindUser(name);
  if (user && IsRemembered(*user, mac)) return Verdict::kAllowed;

  if (!BeginBcrypt(client)) return Verdict::kBusy;
  const absl::Cleanup end = [&] { EndBcrypt(); };
  if (!Verify(*login, mac, user)) return Verdict::kRefused;
  const MutexLock lock(remembered_mutex_);
  remembered_[*user] = mac;
  return Verdict::kAllowed;
}

bool BasicAuth::Verify(const Login& login, const Mac& mac, std::optional<size_t> user) {
  if (user && IsRemembered(*user, mac)) return true;  // by another request, meanwhile
  ++verifications_;
  if (!user) {
    SpendBcrypt(login.password, max_cost_);
    return false;
  }
  const std::string& hash = users_[*user].hash;
  if (VerifyBcrypt(login.password, hash)) return true;
  // Each cost takes as long as all those below it together.
  for (int cost = BcryptCost(hash); cost < max_cost_; ++cost) SpendBcrypt(login.password, cost);
  return false;
}

}  // namespace cnproc
