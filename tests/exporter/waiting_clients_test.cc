// SPDX-License-Identifier: Apache-2.0
// Who is cut off when too many make the server wait, seen from the clients' ends of real sockets.
#include "exporter/web/waiting_clients.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace cnproc {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto kLongEnough = WaitingClients::kTimeToSpeak + milliseconds(10);

// A socket that the server got from a client at an address, real or not.
class Client {
 public:
  Client(WaitingClients& waiting, const std::string& address, uint16_t port)
      : peer_{address, port, 0} {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    own_ = ends[0];
    server_ = ends[1];
    sockaddr_storage from = {};
    if (address.find(':') == std::string::npos) {
      auto& ipv4 = reinterpret_cast<sockaddr_in&>(from);
      ipv4.sin_family = AF_INET;
      ipv4.sin_port = htons(port);
      EXPECT_EQ(inet_pton(AF_INET, address.c_str(), &ipv4.sin_addr), 1);
    } else {
      auto& ipv6 = reinterpret_cast<sockaddr_in6&>(from);
      ipv6.sin6_family = AF_INET6;
      ipv6.sin6_port = htons(port);
      EXPECT_EQ(inet_pton(AF_INET6, address.c_str(), &ipv6.sin6_addr), 1);
    }
    waiting.Arrive(server_, reinterpret_cast<const sockaddr&>(from));
  }
  ~Client() { close(own_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void Speak() const { EXPECT_EQ(write(own_, "GET", 3), 3); }
  bool IsCutOff() const {
    char byte;
    return read(own_, &byte, 1) == 0;
  }
  // Until nothing more goes in.
  void FillWhatTheServerSends() const {
    const std::string bytes(4096, 'x');
    while (write(server_, bytes.data(), bytes.size()) > 0) {
    }
    EXPECT_EQ(errno, EAGAIN);
  }
  void Read() const {
    char bytes[65536];
    while (read(own_, bytes, sizeof(bytes)) > 0) {
    }
  }
  int server_end() const { return server_; }
  const WaitingClients::Peer& peer() const { return peer_; }

 private:
  const WaitingClients::Peer peer_;
  int own_ = -1;
  int server_ = -1;  // closed by the server, here by WaitingClients at its end
};

class WaitingClientsTest : public ::testing::Test {
 protected:
  std::unique_ptr<Client> Connect(const std::string& address) {
    return std::make_unique<Client>(waiting_, address, next_port_++);
  }

  std::vector<std::string> told_;
  WaitingClients waiting_{{.of_one_address = 2, .in_all = 4},
                          [this](const std::string& address) { told_.push_back(address); }};
  uint16_t next_port_ = 1000;
};

TEST_F(WaitingClientsTest, AnAddressThatKeepsTooManyWaitingLosesTheOldest) {
  const auto first = Connect("10.0.0.1");
  const auto second = Connect("10.0.0.1");
  std::this_thread::sleep_for(kLongEnough);
  EXPECT_FALSE(first->IsCutOff());
  const auto third = Connect("10.0.0.1");
  EXPECT_TRUE(first->IsCutOff());
  EXPECT_FALSE(second->IsCutOff());
  EXPECT_FALSE(third->IsCutOff());
  EXPECT_THAT(told_, ElementsAre("10.0.0.1"));
}

TEST_F(WaitingClientsTest, WhoHasSpokenWaitsForUsAndLosesNothing) {
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(Connect("10.0.0.1"));
    clients.back()->Speak();
  }
  std::this_thread::sleep_for(kLongEnough);
  Connect("10.0.0.1");
  for (const auto& client : clients) EXPECT_FALSE(client->IsCutOff());
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(WaitingClientsTest, ARequestThatIsServedLosesNothing) {
  const auto served = Connect("10.0.0.1");
  waiting_.BeginToServe(served->peer());
  const auto second = Connect("10.0.0.1");
  const auto third = Connect("10.0.0.1");
  std::this_thread::sleep_for(kLongEnough);
  const auto fourth = Connect("10.0.0.1");
  EXPECT_FALSE(served->IsCutOff());
  EXPECT_TRUE(second->IsCutOff());
}

TEST_F(WaitingClientsTest, AnotherAddressLosesNothing) {
  const auto other = Connect("10.0.0.2");
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(Connect("10.0.0.1"));
    std::this_thread::sleep_for(kLongEnough);
  }
  EXPECT_FALSE(other->IsCutOff());
  EXPECT_THAT(told_, ElementsAre("10.0.0.1", "10.0.0.1"));
}

TEST_F(WaitingClientsTest, ManyMayConnectInOneMomentIfTheySpeakSoon) {
  const auto begin = steady_clock::now();
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(Connect("10.0.0.1"));
  if (steady_clock::now() - begin < WaitingClients::kTimeToSpeak) {
    for (const auto& client : clients) EXPECT_FALSE(client->IsCutOff());
  }
  for (const auto& client : clients) client->Speak();
  std::this_thread::sleep_for(kLongEnough);
  Connect("10.0.0.1");
  for (const auto& client : clients) EXPECT_FALSE(client->IsCutOff());
}

TEST_F(WaitingClientsTest, OneMoreThanInAllWaitsUntilThereIsRoom) {
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(Connect("10.0.0.1"));
  const auto begin = steady_clock::now();
  const auto scraper = Connect("10.0.0.2");
  EXPECT_LT(steady_clock::now() - begin, WaitingClients::kTimeToSpeak * 10);
  EXPECT_FALSE(scraper->IsCutOff());
  // The rest of the address' favour is gone with it.
  EXPECT_TRUE(clients[0]->IsCutOff());
  EXPECT_TRUE(clients[1]->IsCutOff());
  EXPECT_FALSE(clients[3]->IsCutOff());
}

TEST_F(WaitingClientsTest, HundredsOfOneAddressKeepNobodyWaiting) {
  std::vector<std::unique_ptr<Client>> clients;
  const auto begin = steady_clock::now();
  for (int i = 0; i < 400; ++i) clients.push_back(Connect("10.0.0.1"));
  clients.push_back(Connect("10.0.0.2"));
  EXPECT_LT(steady_clock::now() - begin, std::chrono::seconds(1));
  EXPECT_GE(told_.size(), 396U);
}

TEST_F(WaitingClientsTest, ManyAddressesTogetherLeaveRoom) {
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 1; i <= 20; ++i) clients.push_back(Connect("10.0.0." + std::to_string(i)));
  size_t alive = 0;
  for (const auto& client : clients) alive += client->IsCutOff() ? 0 : 1;
  EXPECT_EQ(alive, 4U);
}

// A host has a network of them to itself.
TEST_F(WaitingClientsTest, AddressesOfOneIpv6NetworkShareALimit) {
  const auto first = Connect("2001:db8:1:2::1");
  const auto other = Connect("2001:db8:1:3::1");
  const auto second = Connect("2001:db8:1:2::2");
  std::this_thread::sleep_for(kLongEnough);
  const auto third = Connect("2001:db8:1:2::3");
  EXPECT_TRUE(first->IsCutOff());
  EXPECT_FALSE(other->IsCutOff());
}

TEST_F(WaitingClientsTest, AnIpv4AddressIsTheSameInIpv6) {
  const auto first = Connect("10.0.0.1");
  const auto second = Connect("::ffff:10.0.0.1");
  std::this_thread::sleep_for(kLongEnough);
  const auto third = Connect("10.0.0.1");
  EXPECT_TRUE(first->IsCutOff());
}

TEST_F(WaitingClientsTest, AnswersThatNobodyTakesAreFewForAnAddress) {
  const auto deadline = steady_clock::now() + std::chrono::seconds(10);
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<std::thread> senders;
  std::atomic<int> given_up = 0;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(Connect("10.0.0.1"));
    clients.back()->FillWhatTheServerSends();
    waiting_.BeginToServe(clients.back()->peer());
  }
  EXPECT_FALSE(waiting_.TakesNoAnswers(clients[0]->peer()));
  senders.reserve(clients.size());
  for (const auto& client : clients) {
    senders.emplace_back([&, &client = *client] {
      if (!waiting_.AwaitSpace(client.peer(), deadline)) {
        ++given_up;
        waiting_.Leave(client.server_end());
      }
    });
  }
  // One gives up after a while, and leaves what the address may have.
  while (given_up == 0 && steady_clock::now() < deadline) {
    std::this_thread::sleep_for(milliseconds(5));
  }
  const auto asks = Connect("10.0.0.1");
  const auto other = Connect("10.0.0.2");
  EXPECT_FALSE(waiting_.TakesNoAnswers(other->peer()));
  for (const auto& client : clients) client->Read();
  for (std::thread& sender : senders) sender.join();
  EXPECT_GE(given_up, 1);
  EXPECT_LE(given_up, 2);
  EXPECT_FALSE(waiting_.TakesNoAnswers(asks->peer()));
}

TEST_F(WaitingClientsTest, WhoReadsIsSentAtOnce) {
  const auto client = Connect("10.0.0.1");
  EXPECT_TRUE(waiting_.AwaitSpace(client->peer(), steady_clock::now() + milliseconds(100)));
  client->FillWhatTheServerSends();
  EXPECT_FALSE(waiting_.AwaitSpace(client->peer(), steady_clock::now() + milliseconds(100)));
}

TEST_F(WaitingClientsTest, OneThatHasLeftIsForgotten) {
  const auto first = Connect("10.0.0.1");
  waiting_.Leave(first->server_end());
  EXPECT_EQ(waiting_.size(), 0U);
  const auto second = Connect("10.0.0.1");
  std::this_thread::sleep_for(kLongEnough);
  const auto third = Connect("10.0.0.1");
  EXPECT_THAT(told_, IsEmpty());
  EXPECT_FALSE(first->IsCutOff());
  close(first->server_end());
}

TEST_F(WaitingClientsTest, WhatItDoesNotKnowItLetsPass) {
  const WaitingClients::Peer stranger{"10.9.9.9", 9, 9};
  waiting_.BeginToServe(stranger);
  waiting_.Leave(12345);
  EXPECT_FALSE(waiting_.TakesNoAnswers(stranger));
  EXPECT_EQ(waiting_.AddressOf(12345), std::nullopt);
  EXPECT_TRUE(waiting_.AwaitSpace(stranger, steady_clock::now() + milliseconds(100)));
}

TEST(WaitingClientsLimits, LeaveThreadsForOthers) {
  for (const int threads : {1, 2, 3, 8, 48, 1008}) {
    const auto limits = WaitingClients::Limits::For(threads);
    EXPECT_LT(limits.in_all, static_cast<size_t>(threads));
    EXPECT_GE(limits.of_one_address, 1U);
    EXPECT_LE(limits.of_one_address, 16U);
  }
  EXPECT_EQ(WaitingClients::Limits::For(48).in_all, 40U);
  EXPECT_EQ(WaitingClients::Limits::For(48).of_one_address, 16U);
}

}  // namespace
}  // namespace cnproc
