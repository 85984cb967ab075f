// SPDX-License-Identifier: Apache-2.0
// Recordings of the stream: pcap files of link type NETLINK (253), which Wireshark reads too.
//
// Each packet is a 16-byte header in network order (packet type, ARPHRD_NETLINK, ten bytes that
// other tools leave unused, protocol) and then the datagram. The unused bytes hold the sender's
// port id (4), the socket (1), a zero, and the low 32 bits of the time of receipt in microseconds
// of CLOCK_MONOTONIC (4): the packet's own time stamp is Unix time, the events' clock is not.
// The protocol is NETLINK_CONNECTOR, that of comm records (socket 2) NETLINK_USERSOCK.
#ifndef CNPROC_COLLECTORS_KERNEL_PCAP_H_
#define CNPROC_COLLECTORS_KERNEL_PCAP_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collectors/kernel/datagram.h"

namespace cnproc {

// Both append to `out`.
void AppendPcapFileHeader(std::string& out);
void AppendPcapPacket(const Datagram& datagram, int64_t unix_ns, std::string& out);

struct RecordedDatagram {
  SocketId socket = SocketId::kLife;
  uint32_t sender_port = 0;
  int64_t received_ns = 0;  // CLOCK_MONOTONIC of the machine that recorded, in whole microseconds
  int64_t unix_ns = 0;
  std::vector<std::byte> bytes;
};

// Reads one recording from its beginning to its end. Not thread safe. Errors name the file and
// say what is wrong with it.
class PcapReader {
 public:
  static absl::StatusOr<std::unique_ptr<PcapReader>> Open(const std::string& path);

  // False at the end of the file.
  absl::StatusOr<bool> Next(RecordedDatagram& datagram);

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const { (void)std::fclose(file); }
  };
  PcapReader(std::string path, std::FILE* file) : path_(std::move(path)), file_(file) {}
  absl::Status CheckHeader();
  absl::Status Broken(const std::string& what) const;

  const std::string path_;
  const std::unique_ptr<std::FILE, CloseFile> file_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_PCAP_H_
