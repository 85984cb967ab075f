// SPDX-License-Identifier: Apache-2.0
// The file of --web.config.file: TLS, passwords, response headers, in the format of Prometheus'
// exporter-toolkit.
#ifndef CNPROC_EXPORTER_WEB_WEB_CONFIG_H_
#define CNPROC_EXPORTER_WEB_WEB_CONFIG_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "exporter/web/http.h"

namespace cnproc {

enum class ClientAuth { kNone, kRequest, kRequireAny, kVerifyIfGiven, kRequireAndVerify };
enum class TlsVersion { k10, k11, k12, k13 };  // k12 and k13 alone are served

// Of certificate, key and the clients' authority either the file or the PEM text itself is set.
struct TlsConfig {
  std::string cert_file;  // paths are complete: relative ones began at the configuration's folder
  std::string cert;
  std::string key_file;
  std::string key;
  std::string client_ca_file;
  std::string client_ca;
  ClientAuth client_auth = ClientAuth::kNone;
  std::vector<std::string> client_allowed_sans;  // any one of them; empty: every client
  TlsVersion min_version = TlsVersion::k12;
  TlsVersion max_version = TlsVersion::k13;
  std::vector<std::string> cipher_suites;  // by their IANA names; empty: OpenSSL's choice
  bool prefer_server_cipher_suites = true;
  std::vector<std::string> curves;  // by OpenSSL's names, the first is preferred; empty: its choice

  // Whether a certificate that a client shows must come from a known authority: of client_ca, or
  // where there is none, the system's.
  bool VerifiesClients() const {
    return client_auth == ClientAuth::kVerifyIfGiven ||
           client_auth == ClientAuth::kRequireAndVerify;
  }
};

struct WebConfig {
  std::optional<TlsConfig> tls;
  std::map<std::string, std::string> basic_auth_users;  // name to bcrypt hash
  HttpHeaders headers;                                  // of every response
  // What the file asks for and does not get, or not as it may seem: "KEY: the reason".
  std::vector<std::string> not_done;
};

// Takes what the toolkit takes and refuses what it refuses, as a fleet has one file for all its
// exporters: what cannot be honoured stands in not_done. What would leave a door more open than the
// file says is refused all the same. All or nothing; errors are of the form "FILE:LINE:COLUMN: what
// is wrong". The files that TLS names are not opened.
absl::StatusOr<WebConfig> ParseWebConfig(const std::string& text, const std::string& file);
absl::StatusOr<WebConfig> ReadWebConfig(const std::string& file);

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_WEB_WEB_CONFIG_H_
