// SPDX-License-Identifier: Apache-2.0
// The connections that make the server wait for their client, and when one of them must go.
#ifndef CNPROC_EXPORTER_WEB_WAITING_CLIENTS_H_
#define CNPROC_EXPORTER_WEB_WAITING_CLIENTS_H_

#include <sys/socket.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/base/mutex.h"

namespace cnproc {

// A connection holds a thread of the server until it is closed. While the server waits for its
// client, for a handshake, for the head of a request, or for an answer to be taken, the thread does
// nothing for anybody. So one address (of IPv6: one network of 64 bits) may keep a few threads
// waiting, and all together must leave some. Who is over that loses the connection that has been
// waiting longest: one who asks and takes the answer at once never is the one.
//
// Only sockets at which nothing can be done count: bytes to read, or space to write, mean that the
// client waits for us. As long as no more than `in_all` wait, a connection gets time to speak first
// (kTimeToSpeak), for many may connect in one moment; an address that has lost a connection has
// used up this favour for a while. An answer gets longer (kTimeToTake).
//
// Thread safe. All times are of the monotonic clock.
class WaitingClients {
 public:
  static constexpr std::chrono::milliseconds kTimeToSpeak{50};
  static constexpr std::chrono::milliseconds kTimeToTake{1000};

  struct Limits {
    size_t of_one_address = 16;
    size_t in_all = 40;

    // What is right for a server with that many threads.
    static Limits For(int threads);
  };

  // By what the server knows of a connection.
  struct Peer {
    std::string address;  // numeric
    uint16_t port = 0;
    uint16_t server_port = 0;

    bool operator==(const Peer&) const = default;
  };

  // `on_cut` is told the address of each client that is cut off, by the thread that accepts.
  WaitingClients(Limits limits, std::function<void(const std::string& address)> on_cut);
  ~WaitingClients();
  WaitingClients(const WaitingClients&) = delete;
  WaitingClients& operator=(const WaitingClients&) = delete;

  // What CivetWeb accepts and closes on this thread from now on is noted here (see the end of the
  // .cc). The other functions know nothing of connections that were accepted in another way, and
  // then do nothing: a server from the distribution's library works, without these limits.
  void WatchThisThread();

  // Notes a connection that was just accepted and makes room; that can take kTimeToSpeak.
  void Arrive(int fd, const sockaddr& client) ABSL_LOCKS_EXCLUDED(mutex_);
  // Its request has come: what it waits for now is us.
  void BeginToServe(const Peer& peer) ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether its address has as many answers on their way that nobody takes as it may have.
  bool TakesNoAnswers(const Peer& peer) ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits until bytes can be sent. False at the deadline, or earlier if its address is over its
  // limit.
  bool AwaitSpace(const Peer& peer, std::chrono::steady_clock::time_point deadline)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // The address at the other end; nothing if the socket is not noted, or was cut off.
  std::optional<std::string> AddressOf(int fd) ABSL_LOCKS_EXCLUDED(mutex_);
  // To be called before the socket is closed.
  void Leave(int fd) ABSL_LOCKS_EXCLUDED(mutex_);

  // Connections between Arrive and Leave.
  size_t size() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  enum class State { kAsking, kServed, kTaking };
  struct Connection {
    int fd = -1;
    Peer peer;
    std::string network;  // who shares a limit
    State state = State::kAsking;
    int64_t since_ns = 0;  // in the state; of an answer, since bytes were taken
    bool cut = false;
  };

  Connection* Find(const Peer& peer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // In which the server waits for the client, oldest first.
  std::vector<Connection*> FindStuck() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  size_t CountTaking(const std::string& network, bool stuck_only)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Cuts off whoever must go now, and says for how long to wait before the next must; 0: there is
  // room.
  int64_t CutOff(int64_t now_ns, std::vector<std::string>& cut)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int64_t TimeLeft(const Connection& connection, bool crowded, int64_t now_ns)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Limits limits_;
  const std::function<void(const std::string&)> on_cut_;
  Mutex mutex_;
  std::vector<Connection> connections_ ABSL_GUARDED_BY(mutex_);  // oldest first
  // Networks that lost a connection, and until when they get no time to speak.
  std::map<std::string, int64_t> hasty_until_ns_ ABSL_GUARDED_BY(mutex_);
};

// Sends bytes past TLS, as far as the socket takes them, and drops what the client has sent.
void SendPlain(int fd, std::string_view bytes);

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_WEB_WAITING_CLIENTS_H_
