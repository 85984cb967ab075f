// SPDX-License-Identifier: Apache-2.0
// Files that are built into the binary; deploy/cmake/EmbedFiles.cmake generates the definitions.
#ifndef CNPROC_EXPORTER_WEB_EMBEDDED_H_
#define CNPROC_EXPORTER_WEB_EMBEDDED_H_

#include <span>
#include <string_view>

namespace cnproc {

struct EmbeddedFile {
  std::string_view name;  // without folders: "overview.json"
  std::string_view content;
};

std::span<const EmbeddedFile> EmbeddedDashboards();  // dashboards/*.json, sorted by name
std::span<const EmbeddedFile> EmbeddedRules();       // dashboards/rules/*.yml, sorted by name

std::span<const EmbeddedFile> EmbeddedAssets();  // what the pages load

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_WEB_EMBEDDED_H_
