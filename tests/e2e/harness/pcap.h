// SPDX-License-Identifier: Apache-2.0
// Where the datagrams lie in a recording, so that a test can damage one of them. Written on its
// own, by the published description of pcap and of LINKTYPE_NETLINK.
#ifndef CNPROC_TESTS_E2E_HARNESS_PCAP_H_
#define CNPROC_TESTS_E2E_HARNESS_PCAP_H_

#include <cstdint>
#include <string>
#include <vector>

namespace cnproc::e2e {

struct RecordedDatagram {
  size_t record = 0;     // offset of the record's header in the file
  size_t message = 0;    // offset of the nlmsghdr
  size_t length = 0;     // bytes of the message
  uint32_t what = 0;     // of the event in it; 0 for an acknowledgement
  bool is_name = false;  // no event, but the name of a program
};

// Throws HarnessError unless the file is whole.
std::vector<RecordedDatagram> ReadPcap(const std::string& content);

// Offsets within the message.
inline constexpr size_t kConnectorLengthOffset = 16 + 16;  // cn_msg.len, 2 bytes
inline constexpr size_t kWhatOffset = 16 + 20;             // proc_event.what, 4 bytes

}  // namespace cnproc::e2e

#endif  // CNPROC_TESTS_E2E_HARNESS_PCAP_H_
