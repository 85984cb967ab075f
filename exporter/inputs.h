// SPDX-License-Identifier: Apache-2.0
// Opens what the machine gives: the stream of events, and what is read beside it.
#ifndef CNPROC_EXPORTER_INPUTS_H_
#define CNPROC_EXPORTER_INPUTS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "collectors/kernel/datagram_source.h"
#include "collectors/kernel/netlink_socket.h"
#include "collectors/pipeline/pipeline.h"
#include "exporter/options.h"

namespace cnproc {

// The kernel's connector or a recording, as the options say, recorded if they say so.
struct Source {
  std::unique_ptr<DatagramSource> datagrams;
  ReceiveBufferGrant receive_buffer;  // of the life socket; nothing of a recording
  // OK if the names of programs come with it, see CommRings; else why not.
  absl::Status names = absl::UnavailableError("not asked for");
  // The kernel granted less than the options ask for: it lacks CAP_NET_ADMIN.
  bool IsShortOfBuffer(const Options& options) const;
};
inline constexpr const char* kHowToGetBuffer =
    "give the binary CAP_NET_ADMIN or raise net.core.rmem_max";
// InvalidArgument for a file of the operator's that cannot be used; any other error is the
// machine's.
absl::StatusOr<Source> OpenSource(const Options& options);

// What the enabled collectors read beside the stream. Never fails: what cannot be opened says why,
// and the rest works without it.
SideInputs OpenSideInputs(const Options& options);

// What the collector usage does not see, and why; empty if that is nothing, or if it does not work.
std::string WhatUsageLacks(const SideInputs& side);

// Both, and whatever else the pipeline needs. Errors as of OpenSource.
absl::StatusOr<PipelineInputs> OpenInputs(const Options& options);

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_INPUTS_H_
