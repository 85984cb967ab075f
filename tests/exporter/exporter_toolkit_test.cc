// SPDX-License-Identifier: Apache-2.0
// The format belongs to Prometheus' exporter-toolkit, and a fleet has one file for all its
// exporters. So here is every file of its web/testdata (github.com/prometheus/exporter-toolkit, of
// what its tests read in 2026) by name, written anew, with what the toolkit makes of it: all it
// takes is taken and all it refuses is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "exporter/web/guard.h"
#include "tests/exporter/certificates.h"
#include "tests/temp_folder.h"

namespace cnproc {
namespace {

using ::testing::HasSubstr;

struct ToolkitFile {
  const char* name;
  const char* refused;  // why; nullptr for what is taken
  std::string text;
};

// In a folder with a certificate, its key and an authority; text and inline files as they stand.
class ToolkitTest : public ::testing::Test {
 protected:
  ToolkitTest() {
    Write("server.crt", server_.certificate);
    Write("server.key", server_.key);
    Write("ca.crt", authority_.certificate);
  }

  void Write(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ / name) << content;
  }
  absl::Status Take(const std::string& name, const std::string& text) const {
    Write(name, text);
    return Guard::Create((folder_ / name).string()).status();
  }

  const TestIdentity authority_ = MakeAuthority("authority");
  const TestIdentity server_ = MakeIdentity("server", "DNS:localhost", authority_);
  const TempFolder temp_folder_;
  const std::filesystem::path folder_ = temp_folder_.path();
};

#define FILES "cert_file: server.crt, key_file: server.key"
#define SALT_AND_SUM "abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZabcde"

const ToolkitFile kFiles[] = {
    {"web_config_empty.yml", nullptr, ""},
    {"web_config_junk.yml", "must be a map", "neither a map nor a list\n"},
    {"web_config_junk_key.yml", "unknown key", "tls_server_config: {certfile: server.crt}"},
    {"web_config_noAuth_certPath_empty.bad.yml", "cert_file (or cert) is missing",
     "tls_server_config: {cert_file: '', key_file: server.key}"},
    {"web_config_noAuth_cert_empty.bad.yml", "cert_file (or cert) is missing",
     "tls_server_config: {cert: '', key_file: server.key}"},
    {"web_config_noAuth_keyPath_empty.bad.yml", "key_file (or key) is missing",
     "tls_server_config: {cert_file: server.crt, key_file: ''}"},
    {"web_config_noAuth_key_empty.bad.yml", "key_file (or key) is missing",
     "tls_server_config: {cert_file: server.crt, key: ''}"},
    {"web_config_noAuth_certPath_keyPath_empty.bad.yml", "cert_file (or cert) is missing",
     "tls_server_config: {cert_file: '', key_file: '', client_auth_type: RequireAnyClientCert}"},
    {"web_config_noAuth_certPath_invalid.bad.yml", "none.crt: cannot be read: No such file",
     "tls_server_config: {cert_file: none.crt, key_file: server.key}"},
    {"web_config_noAuth_keyPath_invalid.bad.yml", "none.key: cannot be read: No such file",
     "tls_server_config: {cert_file: server.crt, key_file: none.key}"},
    {"web_config_noAuth_certPath_keyPath_invalid.bad.yml", "none.crt: cannot be read: No such file",
     "tls_server_config: {cert_file: none.crt, key_file: none.key}"},
    {"web_config_noAuth.bad.yml", "asks for no certificate",
     "tls_server_config: {" FILES ", client_ca_file: ca.crt}"},
    {"web_config_auth_clientCAs_invalid.bad.yml", "none.crt: cannot be read: No such file",
     "tls_server_config: {" FILES
     ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: none.crt}"},
    {"web_config_auth_clientCAs_nocerts.bad.yml", "there is no PEM certificate in it",
     "tls_server_config: {" FILES
     ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: server.key}"},
    {"web_config_auth_clientCAsText_nocerts.bad.yml", "there is no PEM certificate in it",
     "tls_server_config: {" FILES
     ", client_auth_type: RequireAndVerifyClientCert, client_ca: nothing}"},
    {"web_config_auth_user_list_invalid.bad.yml", "is no bcrypt hash",
     "basic_auth_users: {eve: letmein}"},
    {"web_config_noAuth_inventedCiphers.bad.yml", "TLS_WITH_NOTHING",
     "tls_server_config: {" FILES
     ", cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_WITH_NOTHING]}"},
    {"web_config_noAuth_inventedCurves.bad.yml", "CurveP123",
     "tls_server_config: {" FILES ", curve_preferences: [CurveP123]}"},
    {"web_config_noAuth_wrongTLSVersion.bad.yml", "TLS14",
     "tls_server_config: {" FILES ", min_version: TLS14}"},
    {"web_config_noAuth_noHTTP2Cipher.bad.yml", "HTTP/2 demands",
     "tls_server_config: {" FILES
     ", cipher_suites: [TLS_RSA_WITH_AES_256_CBC_SHA], max_version: TLS12}"},
    {"web_config_noAuth.good.yml", nullptr,
     "tls_server_config: {" FILES ", client_auth_type: VerifyClientCertIfGiven}"},
    {"web_config_noAuth.good.blocking.yml", nullptr,
     "tls_server_config: {" FILES ", client_auth_type: RequireAndVerifyClientCert}"},
    {"web_config_noAuth_allCurves.good.yml", nullptr,
     "tls_server_config: {" FILES
     ", curve_preferences: [X25519MLKEM768, X25519, CurveP256, CurveP384, CurveP521]}"},
    {"web_config_noAuth_someCurves.good.yml", nullptr,
     "tls_server_config: {" FILES ", curve_preferences: [CurveP521]}"},
    {"web_config_noAuth_someCiphers.good.yml", nullptr,
     "tls_server_config: {" FILES
     ", max_version: TLS12, cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "
     "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]}"},
    {"web_config_noAuth_someCiphers_noOrder.good.yml", nullptr,
     "tls_server_config: {" FILES ", prefer_server_cipher_suites: false, cipher_suites: "
     "[TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]}"},
    {"web_config_noAuth_noHTTP2.good.yml", nullptr,
     "tls_server_config: {" FILES ", max_version: TLS12, cipher_suites: "
     "[TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]}\nhttp_server_config: {http2: false}"},
    {"tls_config_noAuth.requireanyclientcert.good.yml", nullptr,
     "tls_server_config: {" FILES
     ", client_auth_type: RequireAnyClientCert, client_ca_file: ca.crt}"},
    {"tls_config_noAuth.requireandverifyclientcert.good.yml", nullptr,
     "tls_server_config: {" FILES
     ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.crt}"},
    {"web_config_auth_client_san.good.yaml", nullptr,
     "tls_server_config: {" FILES ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: "
     "ca.crt, client_allowed_sans: [a, b]}"},
    {"web_config_auth_client_san.bad.yaml", nullptr,
     "tls_server_config: {" FILES ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: "
     "ca.crt, client_allowed_sans: [nobody]}"},
    {"web_config_auth_client_san_optional_cert.bad.yaml", "client_allowed_sans needs",
     "tls_server_config: {" FILES ", client_auth_type: VerifyClientCertIfGiven, client_ca_file: "
     "ca.crt, client_allowed_sans: [a]}"},
    {"web_config_auth_client_san_no_client_auth.bad.yaml", "client_allowed_sans needs",
     "tls_server_config: {" FILES ", client_allowed_sans: [a]}"},
    {"web_config_headers.good.yml", nullptr,
     "http_server_config: {headers: {X-Frame-Options: deny, X-Content-Type-Options: nosniff, "
     "X-XSS-Protection: 1, Strict-Transport-Security: max-age=60, Content-Security-Policy: "
     "default-src *}}"},
    {"web_config_headers_content_type_options.bad.yml", "is none of nosniff",
     "http_server_config: {headers: {X-Content-Type-Options: sniff}}"},
    {"web_config_headers_frame_options.bad.yml", "is none of deny",
     "http_server_config: {headers: {X-Frame-Options: allow}}"},
    {"web_config_headers_extra_header.bad.yml", "cannot be set",
     "http_server_config: {headers: {X-Powered-By: steam}}"},
    {"web_config_users_noTLS.good.yml", nullptr,
     "basic_auth_users: {alice: $2y$12$" SALT_AND_SUM ", bob: $2y$18$" SALT_AND_SUM
     ", carol: $2y$10$" SALT_AND_SUM "}"},
    {"web_config_users.good.yml", nullptr,
     "tls_server_config: {" FILES "}\nbasic_auth_users: {alice: $2y$18$" SALT_AND_SUM "}"},
    {"web_config_rate_limiter_nonblocking.yaml", nullptr, "rate_limit: {interval: 0, burst: 0}"},
    {"web_config_rate_limiter_one_second.yaml", nullptr, "rate_limit: {interval: 1s, burst: 0}"},
    {"web_config_rate_limiter_headers.yaml", nullptr,
     "rate_limit: {interval: 1m, burst: 3}\nhttp_server_config: {headers: {X-Frame-Options: "
     "deny}}"},
};

#undef FILES
#undef SALT_AND_SUM

TEST_F(ToolkitTest, ItsFilesAreTakenOrRefusedAsItDoes) {
  for (const ToolkitFile& file : kFiles) {
    const absl::Status status = Take(file.name, file.text);
    EXPECT_EQ(status.ok(), file.refused == nullptr) << file.name << ": " << status;
    if (file.refused == nullptr) continue;
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << file.name;
    EXPECT_THAT(std::string(status.message()), HasSubstr(file.refused)) << file.name;
  }
}

// web_config_noAuth_tlsInline.good.yml and tls_config_noAuth.requireanyclientcertkeyinline.good.yml
TEST_F(ToolkitTest, ItsFilesWithInlineKeysAreTaken) {
  const auto block = [](const std::string& pem) {
    std::string lines = "|\n";
    for (size_t begin = 0; begin < pem.size();) {
      const size_t end = pem.find('\n', begin) + 1;
      lines += "    " + pem.substr(begin, end - begin);
      begin = end;
    }
    return lines;
  };
  const std::string certificate = "  cert: " + block(server_.certificate);
  const std::string key = "  key: " + block(server_.key);
  EXPECT_EQ(
      Take("web_config_noAuth_tlsInline.good.yml", "tls_server_config:\n" + certificate + key),
      absl::OkStatus());
  EXPECT_EQ(Take("tls_config_noAuth.requireanyclientcertkeyinline.good.yml",
                 "tls_server_config:\n  cert_file: server.crt\n" + key +
                     "  client_auth_type: RequireAnyClientCert\n  client_ca_file: ca.crt\n"),
            absl::OkStatus());
}

// web_config_noAuth_allCiphers.good.yml: all that Go has.
TEST_F(ToolkitTest, ItsListOfAllCiphersIsTaken) {
  std::string text =
      "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
      "  cipher_suites:\n";
  for (const char* exchange : {"ECDHE_ECDSA", "ECDHE_RSA", "RSA"}) {
    for (const char* cipher : {"AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "AES_128_CBC_SHA",
                               "AES_256_CBC_SHA", "CHACHA20_POLY1305_SHA256"}) {
      const std::string name = std::string("TLS_") + exchange + "_WITH_" + cipher;
      if (name != "TLS_RSA_WITH_CHACHA20_POLY1305_SHA256") text += "  - " + name + "\n";
    }
  }
  for (const char* name :
       {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}) {
    text += std::string("  - ") + name + "\n";
  }
  EXPECT_EQ(Take("web_config_noAuth_allCiphers.good.yml", text), absl::OkStatus());
}

}  // namespace
}  // namespace cnproc
