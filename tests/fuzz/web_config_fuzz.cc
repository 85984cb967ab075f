// SPDX-License-Identifier: Apache-2.0
// The file of --web.config.file.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "exporter/web/basic_auth.h"
#include "exporter/web/web_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto config = cnproc::ParseWebConfig(text, "/etc/web.yml");
  if (!config.ok()) {
    if (config.status().message().substr(0, 13) != "/etc/web.yml:") std::abort();
    return 0;
  }
  for (const auto& [user, hash] : config->basic_auth_users) {
    if (user.empty() || !cnproc::IsBcryptHash(hash)) std::abort();
  }
  for (const auto& [name, value] : config->headers) {
    if (value.find_first_of("\r\n") != std::string::npos) std::abort();
  }
  if (config->tls) {
    const cnproc::TlsConfig& tls = *config->tls;
    if (tls.cert.empty() == tls.cert_file.empty()) std::abort();
    if (tls.key.empty() == tls.key_file.empty()) std::abort();
    if (!tls.cert_file.empty() && tls.cert_file[0] != '/') std::abort();
    if (tls.min_version > tls.max_version) std::abort();
  }
  return 0;
}
