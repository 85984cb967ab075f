// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/waiting_clients.h"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <thread>
#include <utility>

#include "collectors/base/time.h"

namespace cnproc {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kTimeToSpeakNs = WaitingClients::kTimeToSpeak.count() * kNsPerMs;
constexpr int64_t kTimeToTakeNs = WaitingClients::kTimeToTake.count() * kNsPerMs;
constexpr int64_t kHasteNs = 10 * kNsPerSecond;
constexpr size_t kMaxHasty = 256;

// The size that CivetWeb gives it: the same text comes out.
constexpr size_t kAddressBytes = 48;

// Whose connections CivetWeb accepts and closes on this thread.
thread_local WaitingClients* watcher = nullptr;

uint16_t PortOf(const sockaddr& address) {
  // The port stands at the same place in both families.
  return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

socklen_t SizeOf(const sockaddr& address) {
  return address.sa_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

std::string TextOf(const sockaddr& address) {
  char text[kAddressBytes] = "";
  getnameinfo(&address, SizeOf(address), text, sizeof(text), nullptr, 0, NI_NUMERICHOST);
  return text;
}

// An IPv4 address, in an IPv6 one too, or the network of an IPv6 address.
std::string NetworkOf(const sockaddr& address) {
  const auto bytes = [](const void* from, size_t size) {
    return std::string(static_cast<const char*>(from), size);
  };
  if (address.sa_family != AF_INET6) {
    return bytes(&reinterpret_cast<const sockaddr_in&>(address).sin_addr, 4);
  }
  const in6_addr& ipv6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&ipv6)) return bytes(&ipv6.s6_addr[12], 4);
  return bytes(&ipv6, 8);
}

int EventOf(bool asking) { return asking ? POLLIN : POLLOUT; }

}  // namespace

WaitingClients::Limits WaitingClients::Limits::For(int threads) {
  const auto count = static_cast<size_t>(std::max(threads, 1));
  return {.of_one_address = std::clamp<size_t>(count / 3, 1, 16),
          .in_all = count - std::max<size_t>(count / 6, 1)};
}

WaitingClients::WaitingClients(Limits limits, std::function<void(const std::string&)> on_cut)
    : limits_(limits), on_cut_(std::move(on_cut)) {}

// CivetWeb forgets those that wait for a thread when it stops.
WaitingClients::~WaitingClients() {
  for (const Connection& connection : connections_) close(connection.fd);
}

void WaitingClients::WatchThisThread() { watcher = this; }

void WaitingClients::Arrive(int fd, const sockaddr& client) {
  sockaddr_storage local = {};
  socklen_t length = sizeof(local);
  getsockname(fd, reinterpret_cast<sockaddr*>(&local), &length);
  Connection connection{
      .fd = fd,
      .peer = {TextOf(client), PortOf(client), PortOf(reinterpret_cast<const sockaddr&>(local))},
      .network = NetworkOf(client),
      .state = State::kAsking,
      .since_ns = MonotonicNs()};
  {
    const MutexLock lock(mutex_);
    // The kernel gave the number out again: the connection that had it is closed.
    std::erase_if(connections_, [fd](const Connection& old) { return old.fd == fd; });
    connections_.push_back(std::move(connection));
  }
  while (true) {
    std::vector<std::string> cut;
    int64_t wait_ns = 0;
    {
      const MutexLock lock(mutex_);
      wait_ns = CutOff(MonotonicNs(), cut);
    }
    for (const std::string& address : cut) on_cut_(address);
    if (wait_ns <= 0) return;
    // In small steps: somebody may speak at any moment.
    std::this_thread::sleep_for(std::chrono::nanoseconds(std::min(wait_ns, kNsPerMs)));
  }
}

WaitingClients::Connection* WaitingClients::Find(const Peer& peer) {
  const auto found =
      std::find_if(connections_.rbegin(), connections_.rend(),
                   [&peer](const Connection& connection) { return connection.peer == peer; });
  return found == connections_.rend() ? nullptr : &*found;
}

std::vector<WaitingClients::Connection*> WaitingClients::FindStuck() {
  std::vector<Connection*> waiting;
  std::vector<pollfd> polled;
  for (Connection& connection : connections_) {
    if (connection.cut || connection.state == State::kServed) continue;
    waiting.push_back(&connection);
    const int event = EventOf(connection.state == State::kAsking);
    polled.push_back({connection.fd, static_cast<short>(event), 0});
  }
  poll(polled.data(), polled.size(), 0);
  std::vector<Connection*> stuck;
  for (size_t i = 0; i < polled.size(); ++i) {
    if (polled[i].revents == 0) stuck.push_back(waiting[i]);
  }
  std::sort(stuck.begin(), stuck.end(),
            [](const Connection* a, const Connection* b) { return a->since_ns < b->since_ns; });
  return stuck;
}

int64_t WaitingClients::TimeLeft(const Connection& connection, bool crowded, int64_t now_ns) {
  int64_t time_ns = kTimeToSpeakNs;
  if (connection.state == State::kTaking) {
    if (!crowded) time_ns = kTimeToTakeNs;
  } else {
    const auto hasty = hasty_until_ns_.find(connection.network);
    if (hasty != hasty_until_ns_.end() && now_ns < hasty->second) time_ns = 0;
  }
  return connection.since_ns + time_ns - now_ns;
}

int64_t WaitingClients::CutOff(int64_t now_ns, std::vector<std::string>& cut) {
  if (connections_.size() <= std::min(limits_.of_one_address, limits_.in_all)) return 0;
  std::vector<Connection*> stuck = FindStuck();
  while (true) {
    std::map<std::string, size_t> counts;
    for (const Connection* connection : stuck) ++counts[connection->network];
    const auto most =
        std::max_element(counts.begin(), counts.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    const bool crowded = stuck.size() > limits_.in_all;
    if (most == counts.end() || (most->second <= limits_.of_one_address && !crowded)) return 0;
    const auto victim = std::find_if(stuck.begin(), stuck.end(), [&](const Connection* connection) {
      return connection->network == most->first;
    });
    const int64_t left_ns = TimeLeft(**victim, crowded, now_ns);
    if (left_ns > 0) return crowded ? left_ns : 0;
    // Its thread finds the end of the connection and closes it.
    shutdown((*victim)->fd, SHUT_RDWR);
    (*victim)->cut = true;
    cut.push_back((*victim)->peer.address);
    if (hasty_until_ns_.size() >= kMaxHasty) hasty_until_ns_.clear();
    hasty_until_ns_[most->first] = now_ns + kHasteNs;
    stuck.erase(victim);
  }
}

void WaitingClients::BeginToServe(const Peer& peer) {
  const MutexLock lock(mutex_);
  if (Connection* connection = Find(peer)) connection->state = State::kServed;
}

size_t WaitingClients::CountTaking(const std::string& network, bool stuck_only) {
  if (stuck_only) {
    const std::vector<Connection*> stuck = FindStuck();
    return static_cast<size_t>(std::count_if(stuck.begin(), stuck.end(), [&](const auto* one) {
      return one->state == State::kTaking && one->network == network;
    }));
  }
  return static_cast<size_t>(
      std::count_if(connections_.begin(), connections_.end(), [&](const Connection& one) {
        return one.state == State::kTaking && one.network == network;
      }));
}

bool WaitingClients::TakesNoAnswers(const Peer& peer) {
  const MutexLock lock(mutex_);
  const Connection* connection = Find(peer);
  return connection != nullptr &&
         CountTaking(connection->network, /*stuck_only=*/false) >= limits_.of_one_address &&
         CountTaking(connection->network, /*stuck_only=*/true) >= limits_.of_one_address;
}

bool WaitingClients::AwaitSpace(const Peer& peer, Clock::time_point deadline) {
  int fd = -1;
  std::string network;
  {
    const MutexLock lock(mutex_);
    Connection* connection = Find(peer);
    if (connection == nullptr) return true;
    connection->state = State::kTaking;
    connection->since_ns = MonotonicNs();
    fd = connection->fd;
    network = connection->network;
  }
  // The thread that asks owns the socket: nobody closes it meanwhile.
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return false;
    pollfd polled = {fd, POLLOUT, 0};
    if (poll(&polled, 1, static_cast<int>(std::min(left, kTimeToTake).count())) > 0) return true;
    const MutexLock lock(mutex_);
    if (CountTaking(network, /*stuck_only=*/true) > limits_.of_one_address) return false;
  }
}

std::optional<std::string> WaitingClients::AddressOf(int fd) {
  const MutexLock lock(mutex_);
  for (const Connection& connection : connections_) {
    if (connection.fd == fd && !connection.cut) return connection.peer.address;
  }
  return std::nullopt;
}

void WaitingClients::Leave(int fd) {
  const MutexLock lock(mutex_);
  std::erase_if(connections_, [fd](const Connection& connection) { return connection.fd == fd; });
}

size_t WaitingClients::size() {
  const MutexLock lock(mutex_);
  return connections_.size();
}

void SendPlain(int fd, std::string_view bytes) {
  (void)send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  // What is left unread would make the kernel reset the connection before the client has read.
  constexpr int kMaxReads = 16;
  char dropped[1024];
  for (int i = 0; i < kMaxReads; ++i) {
    if (recv(fd, dropped, sizeof(dropped), MSG_DONTWAIT) <= 0) return;
  }
}

}  // namespace cnproc

// CivetWeb says nothing of a connection before it has a thread, and never gives access to its
// socket. So its source is compiled with accept() and close() under these names (see
// Civetweb.cmake).
extern "C" int cnproc_civetweb_accept(int listener, sockaddr* client, socklen_t* length) {
  const int fd = accept(listener, client, length);
  if (fd < 0 || cnproc::watcher == nullptr) return fd;
  try {  // C code calls this
    cnproc::watcher->Arrive(fd, *client);
  } catch (const std::exception&) {  // out of memory: served without a limit
  }
  return fd;
}

extern "C" int cnproc_civetweb_close(int fd) {
  if (cnproc::watcher != nullptr) cnproc::watcher->Leave(fd);
  return close(fd);
}
