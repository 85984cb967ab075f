// SPDX-License-Identifier: Apache-2.0
// Paths and queries of strangers, up to the answer.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/web/request_target.h"
#include "exporter/web/routes.h"

namespace {

class Source : public cnproc::MetricsSource {
 public:
  void Gather(const cnproc::CollectorFilter& filter, cnproc::Families&) override {
    if (!filter.collect.empty() && !filter.exclude.empty()) std::abort();
  }
  absl::Status Ready() override { return absl::OkStatus(); }
  std::vector<cnproc::CollectorState> Collectors() override {
    return {{"lineage", "", false, false, ""}, {"processes", "", true, true, ""}};
  }
};

bool HasControlCharacter(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) return true;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view target(reinterpret_cast<const char*>(data), size);
  cnproc::HttpRequest request;
  if (!cnproc::ParseTarget(target, request).ok()) return 0;
  if ((!request.path.starts_with("/") && request.path != "*") ||
      HasControlCharacter(request.path)) {
    std::abort();
  }
  for (const auto& [name, value] : request.query) {
    if (HasControlCharacter(name) || HasControlCharacter(value)) std::abort();
  }
  Source source;
  const cnproc::HttpResponse response = cnproc::Routes({}, source).Handle(request);
  if (response.status != 200 && response.status != 301 && response.status != 400 &&
      response.status != 404) {
    std::abort();
  }
  // Nothing that a stranger writes may become markup or a header.
  for (const auto& [name, value] : response.headers) {
    if (HasControlCharacter(name) || HasControlCharacter(value)) std::abort();
    if (name == "Content-Type" && response.status != 200 && !value.starts_with("text/plain")) {
      std::abort();
    }
  }
  return 0;
}
