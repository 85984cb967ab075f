// SPDX-License-Identifier: Apache-2.0
// Whether a text holds more than the one YAML document that a configuration file is.
#ifndef CNPROC_EXPORTER_YAML_DOCUMENTS_H_
#define CNPROC_EXPORTER_YAML_DOCUMENTS_H_

#include <yaml-cpp/mark.h>

#include <optional>
#include <string>

namespace cnproc {

// Where the second document begins, if there is one. To be asked before YAML::Load; YAML::LoadAll
// would tell too, but yaml-cpp 0.7 finds documents without end behind a stray "}" or ",". Throws
// YAML::Exception as the loaders do.
std::optional<YAML::Mark> FindSecondDocument(const std::string& text);

inline constexpr const char* kSecondDocument =
    "only one YAML document is allowed, or a bracket is closed too often";

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_YAML_DOCUMENTS_H_
