// SPDX-License-Identifier: Apache-2.0
// Turns the ways in which a subscription fails into a sentence that says what was tried, why it
// failed and what to do. The causes were measured on Linux 5.10 to 7.2.
#ifndef CNPROC_COLLECTORS_KERNEL_CONNECTOR_ADVICE_H_
#define CNPROC_COLLECTORS_KERNEL_CONNECTOR_ADVICE_H_

#include <string>

#include "absl/status/status.h"

namespace cnproc {

absl::Status AdviseOnNamespace(int error, const std::string& path);  // open() or setns()
absl::Status AdviseOnOpen(const absl::Status& status);               // socket() or bind()
absl::Status AdviseOnSend(const absl::Status& status);               // send() of LISTEN
absl::Status AdviseOnRefusal(int error);                             // an ACK with an error
absl::Status AdviseOnSilence(const std::string& procfs_root);        // no ACK at all

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_CONNECTOR_ADVICE_H_
