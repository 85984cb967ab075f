// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/pcap.h"

#include <arpa/inet.h>
#include <linux/if_arp.h>
#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "collectors/base/time.h"
#include "collectors/kernel/cn_proc.h"
#include "collectors/kernel/comm_message.h"

namespace cnproc {
namespace {

// https://www.tcpdump.org/linktypes/LINKTYPE_NETLINK.html; magic number of nanosecond time stamps.
constexpr uint32_t kMagic = 0xa1b23c4d;
constexpr uint32_t kMicrosecondMagic = 0xa1b2c3d4;
constexpr uint32_t kLinkTypeNetlink = 253;
constexpr uint32_t kMaxPacketBytes = 65536;
constexpr int64_t kNsPerUs = 1000;

struct FileHeader {
  uint32_t magic = kMagic;
  uint16_t major = 2;
  uint16_t minor = 4;
  uint32_t zone = 0;
  uint32_t accuracy = 0;
  uint32_t max_packet_bytes = kMaxPacketBytes;
  uint32_t link_type = kLinkTypeNetlink;
};
static_assert(sizeof(FileHeader) == 24);

struct PacketHeader {
  uint32_t seconds = 0;
  uint32_t nanoseconds = 0;
  uint32_t captured_bytes = 0;
  uint32_t original_bytes = 0;
};
static_assert(sizeof(PacketHeader) == 16);

struct LinkHeader {
  uint16_t packet_type = 0;  // to us
  uint16_t hardware_type = htons(ARPHRD_NETLINK);
  std::array<uint8_t, 4> sender_port{};
  uint8_t socket = 0;
  uint8_t zero = 0;
  std::array<uint8_t, 4> received_us{};
  uint16_t protocol = htons(NETLINK_CONNECTOR);
};
static_assert(sizeof(LinkHeader) == 16);

std::array<uint8_t, 4> ToNetwork(uint32_t value) {
  const uint32_t network = htonl(value);
  std::array<uint8_t, 4> bytes;
  std::memcpy(bytes.data(), &network, sizeof(network));
  return bytes;
}

uint32_t FromNetwork(const std::array<uint8_t, 4>& bytes) {
  uint32_t network = 0;
  std::memcpy(&network, bytes.data(), sizeof(network));
  return ntohl(network);
}

template <typename Header>
void AppendHeader(const Header& header, std::string& out) {
  out.append(reinterpret_cast<const char*>(&header), sizeof(header));
}

// Big endian, as the header has it.
uint16_t ProtocolOf(uint8_t socket) {
  return htons(socket == static_cast<uint8_t>(SocketId::kComm) ? NETLINK_USERSOCK
                                                               : NETLINK_CONNECTOR);
}

// 0 where the datagram carries no event.
int64_t HappenedNs(const Datagram& datagram) {
  if (datagram.socket == SocketId::kComm) return DecodeCommMessage(datagram.bytes).timestamp_ns;
  const Message message = DecodeConnectorMessage(datagram);
  return message.kind == MessageKind::kEvent ? message.event.timestamp_ns : 0;
}

// The event was received after it happened, and not an hour later: that completes the 32 bits.
int64_t CompleteReceivedNs(uint32_t low_us, const Datagram& datagram) {
  const int64_t happened_ns = HappenedNs(datagram);
  if (happened_ns == 0) return 0;
  const int64_t event_us = happened_ns / kNsPerUs;
  return (event_us + static_cast<uint32_t>(low_us - static_cast<uint32_t>(event_us))) * kNsPerUs;
}

}  // namespace

void AppendPcapFileHeader(std::string& out) { AppendHeader(FileHeader{}, out); }

void AppendPcapPacket(const Datagram& datagram, int64_t unix_ns, std::string& out) {
  const auto length = static_cast<uint32_t>(
      std::min<size_t>(datagram.bytes.size(), kMaxPacketBytes - sizeof(LinkHeader)));
  const uint32_t packet_bytes = length + sizeof(LinkHeader);
  AppendHeader(PacketHeader{.seconds = static_cast<uint32_t>(unix_ns / kNsPerSecond),
                            .nanoseconds = static_cast<uint32_t>(unix_ns % kNsPerSecond),
                            .captured_bytes = packet_bytes,
                            .original_bytes = packet_bytes},
               out);
  LinkHeader link;
  link.sender_port = ToNetwork(datagram.sender_port);
  link.socket = static_cast<uint8_t>(datagram.socket);
  link.protocol = ProtocolOf(link.socket);
  link.received_us = ToNetwork(static_cast<uint32_t>(datagram.received_ns / kNsPerUs));
  AppendHeader(link, out);
  out.append(reinterpret_cast<const char*>(datagram.bytes.data()), length);
}

absl::Status PcapReader::Broken(const std::string& what) const {
  return absl::DataLossError(absl::StrCat("cannot replay ", path_, ": ", what));
}

absl::StatusOr<std::unique_ptr<PcapReader>> PcapReader::Open(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot open the recording ", path));
  }
  std::unique_ptr<PcapReader> reader(new PcapReader(path, file));
  if (absl::Status status = reader->CheckHeader(); !status.ok()) return status;
  return reader;
}

absl::Status PcapReader::CheckHeader() {
  FileHeader header;
  const size_t length = std::fread(&header, 1, sizeof(header), file_.get());
  if (length == 0) return Broken("the file is empty");
  if (length < sizeof(header)) return Broken("the file ends within its header: it was cut");
  if (header.magic == kMicrosecondMagic || header.magic == ntohl(kMicrosecondMagic) ||
      header.magic == ntohl(kMagic)) {
    return Broken("it is a capture of another tool or machine; give one of --connector.record");
  }
  if (header.magic != kMagic) {
    return Broken("it is no pcap file; give one of --connector.record");
  }
  if (header.link_type != kLinkTypeNetlink) {
    return Broken(absl::StrCat("its link type is ", header.link_type,
                               ", not netlink (253); give one of --connector.record"));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> PcapReader::Next(RecordedDatagram& datagram) {
  PacketHeader header;
  const size_t header_bytes = std::fread(&header, 1, sizeof(header), file_.get());
  if (header_bytes == 0) return false;
  if (header_bytes < sizeof(header)) return Broken("it ends within a packet: it was cut");
  if (header.captured_bytes < sizeof(LinkHeader) || header.captured_bytes > kMaxPacketBytes) {
    return Broken(absl::StrCat("a packet claims to have ", header.captured_bytes, " bytes"));
  }
  LinkHeader link;
  datagram.bytes.resize(header.captured_bytes - sizeof(link));
  if (std::fread(&link, sizeof(link), 1, file_.get()) != 1 ||
      std::fread(datagram.bytes.data(), 1, datagram.bytes.size(), file_.get()) !=
          datagram.bytes.size()) {
    return Broken("it ends within a packet: it was cut");
  }
  if (link.socket >= kTrackCount || link.protocol != ProtocolOf(link.socket)) {
    return Broken("a packet is not of the process connector; give a file of --connector.record");
  }
  datagram.socket = static_cast<SocketId>(link.socket);
  datagram.sender_port = FromNetwork(link.sender_port);
  datagram.unix_ns = header.seconds * kNsPerSecond + header.nanoseconds;
  datagram.received_ns = CompleteReceivedNs(
      FromNetwork(link.received_us),
      {.socket = datagram.socket, .sender_port = datagram.sender_port, .bytes = datagram.bytes});
  return true;
}

}  // namespace cnproc
