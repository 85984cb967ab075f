// SPDX-License-Identifier: Apache-2.0
#ifndef CNPROC_EXPORTER_SMALL_FILE_H_
#define CNPROC_EXPORTER_SMALL_FILE_H_

#include <string>

#include "absl/status/statusor.h"

namespace cnproc {

// The whole file, of at most 1 MiB; of a pipe what comes within two seconds, which must be
// something. InvalidArgument: the file is named by the operator.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path);

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_SMALL_FILE_H_
