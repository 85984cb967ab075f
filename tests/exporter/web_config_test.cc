// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/web_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

namespace cnproc {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::StartsWith;

constexpr const char* kHash = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG";

TEST(ParseWebConfig, ReadsEverythingThatCanBeHonoured) {
  const auto config = ParseWebConfig(std::string(R"(
tls_server_config:
  cert_file: server.crt
  key_file: /keys/server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ../ca.crt
  client_allowed_sans: [prometheus.example.org, 10.0.0.1]
  min_version: TLS13
  max_version: TLS13
  cipher_suites: [TLS_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: false
http_server_config:
  http2: false
  headers:
    X-Frame-Options: deny
    Strict-Transport-Security: max-age=31536000
basic_auth_users:
  alice: )") + kHash + "\n",
                                     "/etc/cnproc/web.yml");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_TRUE(config->tls.has_value());
  const TlsConfig& tls = *config->tls;
  EXPECT_EQ(tls.cert_file, "/etc/cnproc/server.crt");
  EXPECT_EQ(tls.key_file, "/keys/server.key");
  EXPECT_EQ(tls.client_ca_file, "/etc/cnproc/../ca.crt");
  EXPECT_EQ(tls.client_auth, ClientAuth::kRequireAndVerify);
  EXPECT_THAT(tls.client_allowed_sans, ElementsAre("prometheus.example.org", "10.0.0.1"));
  EXPECT_EQ(tls.min_version, TlsVersion::k13);
  EXPECT_THAT(tls.cipher_suites, ElementsAre("TLS_AES_128_GCM_SHA256"));
  EXPECT_FALSE(tls.prefer_server_cipher_suites);
  EXPECT_THAT(config->headers, ElementsAre(Pair("X-Frame-Options", "deny"),
                                           Pair("Strict-Transport-Security", "max-age=31536000")));
  EXPECT_THAT(config->basic_auth_users, ElementsAre(Pair("alice", kHash)));
}

TEST(ParseWebConfig, TakesInlineCertificates) {
  const auto config = ParseWebConfig(
      "tls_server_config: {cert: C, key: K, client_ca: A, client_auth_type: "
      "VerifyClientCertIfGiven}",
      "web.yml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->tls->cert, "C");
  EXPECT_EQ(config->tls->key, "K");
  EXPECT_EQ(config->tls->client_ca, "A");
}

TEST(ParseWebConfig, TakesAnEmptyFileAndEmptySections) {
  for (const char* text : {"", "# nothing\n", "tls_server_config:\nbasic_auth_users:\n"}) {
    const auto config = ParseWebConfig(text, "web.yml");
    ASSERT_TRUE(config.ok()) << text << config.status();
    EXPECT_FALSE(config->tls.has_value());
    EXPECT_TRUE(config->basic_auth_users.empty());
  }
}

struct BadCase {
  const char* text;
  const char* place;
  const char* why;
};

class BadWebConfigTest : public ::testing::TestWithParam<BadCase> {};

TEST_P(BadWebConfigTest, IsRefusedWithItsPlace) {
  const auto config = ParseWebConfig(GetParam().text, "web.yml");
  ASSERT_FALSE(config.ok()) << GetParam().text;
  EXPECT_THAT(std::string(config.status().message()),
              AllOf(StartsWith(GetParam().place), HasSubstr(GetParam().why)))
      << GetParam().text;
}

#define TLS "tls_server_config:\n  cert_file: a\n  key_file: b\n"

INSTANTIATE_TEST_SUITE_P(
    WebConfig, BadWebConfigTest,
    ::testing::Values(
        BadCase{"tls_config: {}", "web.yml:1:1: ", "unknown key \"tls_config\""},
        BadCase{"[]", "web.yml:1:1: ", "must be a map"}, BadCase{"a: b: c", "web.yml:1:5: ", ""},
        BadCase{"---\n{}\n---\n{}\n", "web.yml:3:1: ", "only one YAML document"},
        BadCase{",bt: : 11}.\n", "web.yml:1:", "closed too often"},
        BadCase{"rate_limit: {interval: often}", "web.yml:1:24: ", "a duration"},
        BadCase{"rate_limit: {burst: 1.5}", "web.yml:1:21: ", "a whole number"},
        BadCase{"rate_limit: {rate: 1}", "web.yml:1:14: ", "unknown key \"rate\""},
        BadCase{"http_server_config: {http2: maybe}", "web.yml:1:29: ", "true or false"},
        BadCase{"http_server_config: {http2: 'false'}", "web.yml:1:29: ", "true or false"},
        BadCase{"http_server_config: {headers: {X-Frame-Options: deny, X-Frame-Options: deny}}",
                "web.yml:1:55: ", "is there twice"},
        BadCase{"http_server_config: {headers: {Server: x}}", "web.yml:1:32: ", "cannot be set"},
        BadCase{"http_server_config: {headers: {X-Frame-Options: allow}}",
                "web.yml:1:49: ", "none of deny,sameorigin"},
        BadCase{"http_server_config: {headers: {X-XSS-Protection: \"a\\r\\nb\"}}",
                "web.yml:1:50: ", "printable"},
        BadCase{TLS "  curve_preferences: [Curve25519]", "web.yml:4:23: ", "X25519"},
        BadCase{TLS "  curve_preferences: X25519", "web.yml:4:22: ", "must be a list"},
        BadCase{TLS "  max_version: TLS11", "web.yml:2:3: ", "above"},
        BadCase{TLS "  min_version: TLS10\n  max_version: TLS11", "web.yml:2:3: ", "the oldest"},
        BadCase{TLS "  min_version: SSL30", "web.yml:4:16: ", "\"SSL30\" is not supported"},
        BadCase{TLS "  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]",
                "web.yml:4:18: ", "http2: false"},
        BadCase{TLS "  min_version: TLS13\n  max_version: TLS12", "web.yml:2:3: ", "above"},
        BadCase{TLS "  client_auth_type: [RequireAnyClientCert]", "web.yml:4:21: ", "a string"},
        BadCase{TLS "  min_version: {TLS13: yes}", "web.yml:4:16: ", "a string"},
        BadCase{TLS "  client_auth_type: Maybe", "web.yml:4:21: ", "RequireAndVerifyClientCert"},
        BadCase{TLS "  client_ca_file: c", "web.yml:2:3: ", "asks for no certificate"},
        BadCase{TLS "  client_allowed_sans: [x]", "web.yml:2:3: ", "client_allowed_sans needs"},
        BadCase{TLS "  client_allowed_sans: x", "web.yml:4:24: ", "must be a list"},
        BadCase{TLS "  client_allowed_sans: []", "web.yml:4:24: ", "nobody could connect"},
        BadCase{TLS "  client_allowed_sans: [x]\n  client_auth_type: VerifyClientCertIfGiven",
                "web.yml:2:3: ", "client_allowed_sans needs"},
        BadCase{TLS "  cert: x", "web.yml:2:3: ", "cert and cert_file are both given"},
        BadCase{TLS "  cert_file: x", "web.yml:4:3: ", "is there twice"},
        BadCase{"tls_server_config: {key_file: b}", "web.yml:1:20: ", "cert_file (or cert)"},
        BadCase{"tls_server_config: {cert_file: b}", "web.yml:1:20: ", "key_file (or key)"},
        BadCase{"basic_auth_users: {alice: secret}", "web.yml:1:27: ", "no bcrypt hash"},
        BadCase{"basic_auth_users: {a: "
                "$2y$19$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZabcde}",
                "web.yml:1:23: ", "a bcrypt cost of 19"},
        BadCase{"basic_auth_users: {\"a:b\": x}", "web.yml:1:20: ", "without \":\""},
        BadCase{"basic_auth_users: [alice]", "web.yml:1:19: ", "must be a map"}));

#undef TLS

TEST(ParseWebConfig, TakesEveryWayToSayYes) {
  for (const char* flag : {"yes", "True", "on", "no", "False", "off", "true"}) {
    EXPECT_TRUE(ParseWebConfig("tls_server_config: {cert_file: a, key_file: b, "
                               "prefer_server_cipher_suites: " +
                                   std::string(flag) + ", curve_preferences: []}",
                               "web.yml")
                    .ok())
        << flag;
  }
}

struct NotDoneCase {
  const char* text;
  std::vector<const char*> not_done;
};

class NotDoneTest : public ::testing::TestWithParam<NotDoneCase> {};

// A fleet has one file for all its exporters.
TEST_P(NotDoneTest, IsTakenAndNamed) {
  const auto config = ParseWebConfig(GetParam().text, "web.yml");
  ASSERT_TRUE(config.ok()) << GetParam().text << config.status();
  ASSERT_EQ(config->not_done.size(), GetParam().not_done.size()) << GetParam().text;
  for (size_t i = 0; i < config->not_done.size(); ++i) {
    EXPECT_THAT(config->not_done[i], StartsWith(GetParam().not_done[i])) << GetParam().text;
  }
}

#define TLS "tls_server_config:\n  cert_file: a\n  key_file: b\n"

INSTANTIATE_TEST_SUITE_P(
    WebConfig, NotDoneTest,
    ::testing::Values(
        NotDoneCase{"http_server_config: {http2: true}\nrate_limit: {interval: 100ms, burst: 5}",
                    {"http2: ", "rate_limit: "}},
        NotDoneCase{"http_server_config: {http2: false}", {}},
        NotDoneCase{"rate_limit: {interval: 1000000000}", {"rate_limit: "}},
        NotDoneCase{"rate_limit: {interval: 0, burst: 1}", {}},
        NotDoneCase{"rate_limit: {interval: 0s}", {}}, NotDoneCase{"rate_limit:", {}},
        NotDoneCase{TLS "  min_version: TLS10", {"min_version: "}},
        NotDoneCase{TLS "  min_version: TLS13", {}},
        NotDoneCase{TLS "  curve_preferences: [CurveP521, X25519]", {}},
        NotDoneCase{TLS "  client_auth_type: RequireAndVerifyClientCert", {"client_auth_type: "}},
        NotDoneCase{TLS "  client_auth_type: VerifyClientCertIfGiven", {}},
        NotDoneCase{TLS "  client_auth_type: RequireClientCert", {}},
        NotDoneCase{"tls_server_config: {min_version: TLS12}", {"tls_server_config: "}},
        NotDoneCase{"tls_server_config: {}", {}}));

#undef TLS

TEST(ParseWebConfig, LeavesABlankHeaderAlone) {
  const auto config = ParseWebConfig(
      "http_server_config: {headers: {Content-Security-Policy: '', X-XSS-Protection: }}",
      "web.yml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->headers, IsEmpty());
}

TEST(ParseWebConfig, KnowsCurvesByOpensslsNames) {
  const auto config = ParseWebConfig(
      "tls_server_config: {cert_file: a, key_file: b, curve_preferences: [CurveP384, X25519]}",
      "web.yml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->tls->curves, ElementsAre("P-384", "X25519"));
}

TEST(ReadWebConfig, NamesTheFileThatCannotBeRead) {
  const auto missing = ReadWebConfig("/nonexistent/web.yml");
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(std::string(missing.status().message()),
              HasSubstr("/nonexistent/web.yml: cannot be read: No such file"));
  EXPECT_FALSE(ReadWebConfig("/").ok());
  EXPECT_TRUE(ReadWebConfig("/dev/null").ok());
}

}  // namespace
}  // namespace cnproc
