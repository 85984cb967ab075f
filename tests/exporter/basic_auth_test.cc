// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/basic_auth.h"

#include <crypt.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"

namespace cnproc {
namespace {

using Verdict = BasicAuth::Verdict;
using std::chrono::steady_clock;

std::string Bcrypt(const std::string& password, const std::string& cost = "04") {
  crypt_data scratch = {};
  return crypt_r(password.c_str(), ("$2y$" + cost + "$abcdefghijklmnopqrstuu").c_str(), &scratch);
}

std::string Login(const std::string& user, const std::string& password) {
  return "Basic " + absl::Base64Escape(user + ":" + password);
}

TEST(BasicAuth, LetsInWhoKnowsThePassword) {
  BasicAuth auth({{"alice", Bcrypt("secret")}, {"bob", Bcrypt("pass:word")}});

  EXPECT_EQ(auth.Check(Login("alice", "secret")), Verdict::kAllowed);
  EXPECT_EQ(auth.Check(Login("bob", "pass:word")), Verdict::kAllowed);
  EXPECT_EQ(auth.Check("bASIC " + absl::Base64Escape("alice:secret")), Verdict::kAllowed);
}

TEST(BasicAuth, RefusesEverybodyElse) {
  BasicAuth auth({{"alice", Bcrypt("secret")}, {"bob", Bcrypt("other")}});

  for (const std::string& header :
       {std::string(), Login("alice", "wrong"), Login("alice", ""), Login("bob", "secret"),
        Login("", "secret"), Login("carol", "secret"), Login("alice", "secret2"),
        Login("alice", std::string("secret\0x", 8)), Login(std::string("alice\0x", 7), "secret"),
        std::string("Basic"), std::string("Basic "), std::string("Basic !!!"),
        std::string("Bearer x"), "Basic " + absl::Base64Escape("alice")}) {
    EXPECT_EQ(auth.Check(header), Verdict::kRefused) << header;
  }
}

TEST(BasicAuth, RemembersAVerifiedPasswordAndNoOther) {
  BasicAuth auth({{"alice", Bcrypt("secret")}});

  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(auth.Check(Login("alice", "secret")), Verdict::kAllowed);
  }
  EXPECT_EQ(auth.verifications(), 1U);

  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(auth.Check(Login("alice", "wrong")), Verdict::kRefused);
  }
  EXPECT_EQ(auth.verifications(), 4U);
}

TEST(BasicAuth, MakesStrangersPayAsMuchAsUsers) {
  BasicAuth auth({{"alice", Bcrypt("secret")}});

  EXPECT_EQ(auth.Check(Login("nobody", "secret")), Verdict::kRefused);
  EXPECT_EQ(auth.verifications(), 1U);
  EXPECT_EQ(auth.Check(Login("nobody", "secret")), Verdict::kRefused);
  EXPECT_EQ(auth.verifications(), 2U);
}

int64_t CpuNs() {
  timespec now = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * int64_t{1000000000} + now.tv_nsec;
}

// Whoever guesses learns nothing from the time, whatever the users' hashes cost.
TEST(BasicAuth, RefusesEverybodyAtTheSamePrice) {
  BasicAuth auth({{"cheap", Bcrypt("secret", "04")}, {"dear", Bcrypt("secret", "10")}});
  std::map<std::string, int64_t> cpu_ns;
  for (const char* user : {"cheap", "dear", "nobody", "somebody"}) {
    const int64_t begin = CpuNs();
    for (int i = 0; i < 4; ++i) ASSERT_EQ(auth.Check(Login(user, "wrong")), Verdict::kRefused);
    cpu_ns[user] = CpuNs() - begin;
  }
  for (const auto& [user, ns] : cpu_ns) {
    EXPECT_LT(ns, cpu_ns["dear"] * 3 / 2) << user;
    EXPECT_GT(ns, cpu_ns["dear"] * 2 / 3) << user;
  }
}

// A cost at which one verification takes many seconds holds up nobody for long.
TEST(BasicAuth, TellsWhoHasWaitedLongToComeAgain) {
  // Given a verification that takes long
  BasicAuth auth({{"alice", Bcrypt("secret")}, {"dear", Bcrypt("secret", "15")}},
                 std::chrono::milliseconds(50));
  std::thread running(
      [&] { EXPECT_EQ(auth.Check(Login("dear", "secret"), "a"), Verdict::kAllowed); });
  while (auth.verifications() == 0) std::this_thread::yield();
  // When another has to wait for it, then it is not verified now
  EXPECT_EQ(auth.Check(Login("alice", "secret"), "b"), Verdict::kBusy);
  EXPECT_EQ(auth.verifications(), 1U);
  // But later, and who was verified meanwhile is remembered
  running.join();
  EXPECT_EQ(auth.Check(Login("alice", "secret"), "b"), Verdict::kAllowed);
  EXPECT_EQ(auth.Check(Login("dear", "secret"), "a"), Verdict::kAllowed);
  EXPECT_EQ(auth.verifications(), 2U);
}

TEST(BasicAuth, LetsAHostThatGuessesKeepNobodyOut) {
  BasicAuth auth({{"alice", Bcrypt("secret", "10")}});
  std::atomic<bool> stop = false;
  std::vector<std::thread> attackers;
  attackers.reserve(16);
  for (int i = 0; i < 16; ++i) {
    attackers.emplace_back([&] {
      while (!stop) {
        EXPECT_NE(auth.Check(Login("alice", "guess"), "192.0.2.66"), Verdict::kAllowed);
      }
    });
  }
  while (auth.verifications() == 0) std::this_thread::yield();
  EXPECT_EQ(auth.Check(Login("alice", "secret"), "192.0.2.1"), Verdict::kAllowed);
  stop = true;
  for (std::thread& attacker : attackers) attacker.join();
}

TEST(BasicAuth, DoesNotLetTheRememberedWaitForBcrypt) {
  BasicAuth auth({{"alice", Bcrypt("secret", "10")}});
  ASSERT_EQ(auth.Check(Login("alice", "secret")), Verdict::kAllowed);
  std::atomic<bool> stop = false;
  std::atomic<int> busy = 0;
  std::vector<std::thread> attackers;
  attackers.reserve(16);
  for (int i = 0; i < 16; ++i) {
    attackers.emplace_back([&] {
      while (!stop) {
        const Verdict verdict = auth.Check(Login("alice", "guess"));
        EXPECT_NE(verdict, Verdict::kAllowed);
        if (verdict == Verdict::kBusy) {
          ++busy;
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
      }
    });
  }
  while (busy == 0) std::this_thread::yield();
  const auto begin = steady_clock::now();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(auth.Check(Login("alice", "secret")), Verdict::kAllowed);
  }
  EXPECT_LT(steady_clock::now() - begin, std::chrono::seconds(1));
  stop = true;
  for (std::thread& attacker : attackers) attacker.join();
}

TEST(IsBcryptHash, KnowsTheForm) {
  EXPECT_TRUE(IsBcryptHash(Bcrypt("x")));
  EXPECT_TRUE(IsBcryptHash("$2a$12$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZabcde"));
  for (const char* text : {"", "secret", "$2y$10$short", "$1$abc$def",
                           "$2x$12$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZabcde",
                           "$2y$03$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZabcde",
                           "$2y$32$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZabcde",
                           "$2y$1x$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZabcde",
                           "$2y$12$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZabcd!"}) {
    EXPECT_FALSE(IsBcryptHash(text)) << text;
  }
}

}  // namespace
}  // namespace cnproc
