// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/harness/pcap.h"

#include <cstring>

#include "tests/e2e/harness/error.h"

namespace cnproc::e2e {
namespace {

constexpr size_t kFileHeaderBytes = 24;
constexpr size_t kRecordHeaderBytes = 16;
constexpr size_t kNetlinkHeaderBytes = 16;
constexpr size_t kSocketOffset = 8;
constexpr char kNameSocket = 2;
constexpr uint32_t kLinktypeNetlink = 253;

uint32_t Word(const std::string& bytes, size_t offset) {
  if (offset + 4 > bytes.size()) Fail("the recording is cut");
  uint32_t word = 0;
  std::memcpy(&word, bytes.data() + offset, 4);
  return word;
}

}  // namespace

std::vector<RecordedDatagram> ReadPcap(const std::string& content) {
  const uint32_t magic = Word(content, 0);
  if (magic != 0xa1b2c3d4 && magic != 0xa1b23c4d) Fail("no pcap magic");
  if (Word(content, 20) != kLinktypeNetlink) Fail("not LINKTYPE_NETLINK");
  std::vector<RecordedDatagram> datagrams;
  for (size_t offset = kFileHeaderBytes; offset < content.size();) {
    const size_t length = Word(content, offset + 8);
    const size_t start = offset + kRecordHeaderBytes;
    if (length < kNetlinkHeaderBytes || start + length > content.size()) Fail("a record is cut");
    RecordedDatagram datagram{.record = offset,
                              .message = start + kNetlinkHeaderBytes,
                              .length = length - kNetlinkHeaderBytes};
    datagram.is_name = content[start + kSocketOffset] == kNameSocket;
    if (!datagram.is_name && datagram.length >= kWhatOffset + 4) {
      datagram.what = Word(content, datagram.message + kWhatOffset);
    }
    datagrams.push_back(datagram);
    offset = start + length;
  }
  return datagrams;
}

}  // namespace cnproc::e2e
