// SPDX-License-Identifier: Apache-2.0
// The configuration of the web side in force: real files, a real server, real handshakes.
#include "exporter/web/guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "tests/exporter/certificates.h"
#include "tests/exporter/guard_lab.h"
#include "tests/exporter/http_client.h"

namespace {

// On which threads the operator new of this program finds no memory.
std::atomic<bool> nobody_else_has = false;
thread_local bool has_memory = false;

}  // namespace

[[gnu::noinline]] void* operator new(size_t bytes) {
  if (nobody_else_has && !has_memory) throw std::bad_alloc();
  if (void* memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}
// What the operators below free must be theirs: a sanitizer's own would not fit.
[[gnu::noinline]] void* operator new(size_t bytes, const std::nothrow_t& /*tag*/) noexcept {
  return std::malloc(bytes);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace cnproc {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class GuardTest : public GuardLab {};

TEST_F(GuardTest, LetsEverybodyInWithoutAFile) {
  const auto guard = Guard::Create("");
  ASSERT_TRUE(guard.ok());
  EXPECT_EQ((*guard)->tls(), nullptr);
  EXPECT_EQ((*guard)->Handle({}, [](const HttpRequest&) { return PlainText(200, "in"); }).status,
            200);
  EXPECT_TRUE((*guard)->Reload().ok());
}

TEST_F(GuardTest, AsksForAPasswordOnEveryPath) {
  ASSERT_EQ(Start("basic_auth_users: {alice: " + Bcrypt("secret") + "}"), absl::OkStatus());

  for (const std::string path : {"/", "/metrics", "/-/healthy", "/nothing", "/assets/x", "/%zz"}) {
    EXPECT_THAT(Get(address_, path),
                AllOf(HasSubstr("HTTP/1.1 401 "), HasSubstr("WWW-Authenticate: Basic realm="),
                      Not(HasSubstr("\r\n\r\nin"))))
        << path;
    EXPECT_THAT(GetAs("alice:wrong", path), HasSubstr("HTTP/1.1 401 ")) << path;
    EXPECT_THAT(GetAs("alice:secret", path), HasSubstr("HTTP/1.1 200 ")) << path;
  }
}

TEST_F(GuardTest, AsksForAPasswordWhateverTheMethod) {
  ASSERT_EQ(Start("basic_auth_users: {alice: " + Bcrypt("secret") + "}"), absl::OkStatus());
  for (const std::string method : {"POST", "OPTIONS", "TRACE", "PURGE"}) {
    EXPECT_THAT(Exchange(address_, method + " / HTTP/1.1\r\nHost: x\r\n\r\n"),
                AllOf(HasSubstr("401"), HasSubstr("Content-Security-Policy: ")))
        << method;
  }
}

TEST_F(GuardTest, AddsTheConfiguredHeadersInPlaceOfItsOwn) {
  ASSERT_EQ(Start("http_server_config: {headers: {X-Content-Type-Options: nosniff, "
                  "Strict-Transport-Security: max-age=1}}"),
            absl::OkStatus());

  const std::string answer = Get(address_, "/");
  EXPECT_THAT(answer, HasSubstr("\r\nStrict-Transport-Security: max-age=1\r\n"));
  const size_t first = answer.find("X-Content-Type-Options");
  EXPECT_NE(first, std::string::npos);
  EXPECT_EQ(answer.find("X-Content-Type-Options", first + 1), std::string::npos);
}

TEST_F(GuardTest, AddsThemToWhatIsNoRequestToo) {
  ASSERT_EQ(Start("http_server_config: {headers: {Strict-Transport-Security: max-age=1}}"),
            absl::OkStatus());
  for (const std::string& request :
       {std::string("nonsense\r\n\r\n"),
        "GET / HTTP/1.1\r\nX: " + std::string(20000, 'x') + "\r\n\r\n"}) {
    EXPECT_THAT(Exchange(address_, request),
                AllOf(HasSubstr(" 4"), HasSubstr("\r\nStrict-Transport-Security: max-age=1\r\n")))
        << request.substr(0, 40);
  }
}

TEST_F(GuardTest, ServesTls12And13AndRefusesWhatIsOlder) {
  ASSERT_EQ(Start(kTls), absl::OkStatus());

  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const TlsAnswer answer =
        GetOverTls(address_, {.authority = authority_.certificate, .max_version = version});
    EXPECT_THAT(answer.text, HasSubstr("200 OK")) << version;
    EXPECT_EQ(answer.server_name, "server");
  }
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    EXPECT_EQ(GetOverTls(address_, {.max_version = version}).text, "") << version;
  }
  EXPECT_THAT(Get(address_, "/"), Not(HasSubstr("200 OK")));
}

TEST_F(GuardTest, TellsWhoSpeaksNoTlsToDoSo) {
  ASSERT_EQ(Start(kTls), absl::OkStatus());
  testing::internal::CaptureStderr();
  const std::string answer = Get(address_, "/metrics");
  EXPECT_THAT(answer, AllOf(HasSubstr("HTTP/1.1 400 Bad Request\r\n"), HasSubstr("https://")));
  Get(address_, "/metrics");
  EXPECT_THAT(GetOverTls(address_, {}).text, HasSubstr("200 OK"));
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("level=info msg=\"refused a TLS client\" client=127.0.0.1 "
                             "reason=\"it spoke HTTP without TLS\" times=1"));
  EXPECT_EQ(log.find("refused"), log.rfind("refused")) << "the second has no line of its own";
}

TEST_F(GuardTest, TellsWhyAClientWasRefused) {
  const TestIdentity rogue = MakeIdentity("rogue", "DNS:prometheus", MakeAuthority("another"));
  const TestIdentity other = MakeIdentity("other", "DNS:other", authority_);
  const struct {
    TlsClientOptions client;
    const char* reason;
  } cases[] = {
      {{}, "peer did not return a certificate"},
      {{.identity = &rogue}, "certificate verify failed: unable to get local issuer certificate"},
      {{.identity = &other},
       "certificate verify failed: none of its names is among client_allowed_sans"},
      {{.max_version = TLS1_1_VERSION}, "unsupported protocol"},
      {{.authority = rogue.certificate}, "it refused this server: tlsv1 alert unknown ca"},
  };
  for (const auto& [client, reason] : cases) {
    server_under_test_.reset();
    ASSERT_EQ(Start(std::string(kTls) +
                    "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n"
                    "  client_allowed_sans: [prometheus]\n"),
              absl::OkStatus());
    testing::internal::CaptureStderr();
    EXPECT_EQ(GetOverTls(address_, client).text, "") << reason;
    server_under_test_.reset();
    EXPECT_THAT(testing::internal::GetCapturedStderr(),
                HasSubstr("client=127.0.0.1 reason=\"" + std::string(reason) + "\""));
  }
}

// Whatever is thrown, OpenSSL is C.
TEST_F(GuardTest, AHandshakeWithoutMemoryFailsAndTheNextSucceeds) {
  ASSERT_EQ(Start(kTls), absl::OkStatus());
  has_memory = true;
  nobody_else_has = true;
  const std::string answer = GetOverTls(address_, {}).text;
  nobody_else_has = false;
  EXPECT_EQ(answer, "");
  EXPECT_THAT(GetOverTls(address_, {}).text, HasSubstr("200 OK"));
}

// A hello is there, and then nothing: the thread is in the handshake.
TEST_F(GuardTest, ServesScrapesWhileManyClientsOfOneAddressStopInTheHandshake) {
  ASSERT_EQ(Start(kTls, /*threads=*/48), absl::OkStatus());
  std::vector<std::unique_ptr<Connection>> slow;
  for (int i = 0; i < 300; ++i) {
    slow.push_back(std::make_unique<Connection>(address_, "127.0.0.2"));
    if (i % 2 == 0) slow.back()->Send(std::string("\x16\x03\x01\x02\x00\x01", 6));
  }
  for (int i = 0; i < 10; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_THAT(GetOverTls(address_, {}).text, HasSubstr("200 OK"));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
  }
}

// A client whose certificate was withdrawn would get in by the ticket of an earlier visit.
TEST_F(GuardTest, ResumesNoSession) {
  ASSERT_EQ(Start(kTls), absl::OkStatus());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const TlsAnswer first = GetOverTls(address_, {.max_version = version});
    ASSERT_NE(first.session, nullptr) << version;
    const TlsAnswer second =
        GetOverTls(address_, {.max_version = version, .session = first.session.get()});
    EXPECT_THAT(second.text, HasSubstr("200 OK")) << version;
    EXPECT_FALSE(second.resumed) << version;
  }
}

TEST_F(GuardTest, HonoursVersionsAndCipherSuites) {
  ASSERT_EQ(Start(std::string(kTls) + "  max_version: TLS12\n  cipher_suites:\n" +
                  "    - TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384\n"
                  "http_server_config: {http2: false}\n"),
            absl::OkStatus());

  EXPECT_EQ(GetOverTls(address_, {}).cipher, "ECDHE-ECDSA-AES256-GCM-SHA384");
  EXPECT_EQ(GetOverTls(address_, {.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256"}).text, "");
}

TEST_F(GuardTest, HonoursCurves) {
  ASSERT_EQ(Start(std::string(kTls) + "  curve_preferences: [CurveP521, X25519MLKEM768]\n"),
            absl::OkStatus());

  EXPECT_THAT(GetOverTls(address_, {.curves = "P-521"}).text, HasSubstr("200 OK"));
  EXPECT_EQ(GetOverTls(address_, {.curves = "P-384"}).text, "");
}

// OpenSSL's own suites of TLS 1.2 would be more than the file names.
TEST_F(GuardTest, SpeaksNoTls12WhereAllSuitesAreOfTls13) {
  ASSERT_EQ(Start(std::string(kTls) + "  cipher_suites: [TLS_AES_128_GCM_SHA256]\n"
                                      "http_server_config: {http2: false}\n"),
            absl::OkStatus());
  EXPECT_EQ(GetOverTls(address_, {}).cipher, "TLS_AES_128_GCM_SHA256");
  EXPECT_EQ(GetOverTls(address_, {.max_version = TLS1_2_VERSION}).text, "");
}

TEST_F(GuardTest, ChecksTheNameWhereAnyCertificateWillDo) {
  ASSERT_EQ(Start(std::string(kTls) + "  client_auth_type: RequireAnyClientCert\n"
                                      "  client_allowed_sans: [prometheus]\n"),
            absl::OkStatus());
  const TestIdentity rogue_authority = MakeAuthority("rogue authority");
  const TestIdentity good = MakeIdentity("client", "DNS:prometheus", rogue_authority);
  const TestIdentity bad = MakeIdentity("prometheus", "DNS:other", rogue_authority);
  EXPECT_THAT(GetOverTls(address_, {.identity = &good}).text, HasSubstr("200 OK"));
  EXPECT_EQ(GetOverTls(address_, {.identity = &bad}).text, "");
  EXPECT_EQ(GetOverTls(address_, {}).text, "");
}

// The authorities of the system, which the environment names here.
TEST_F(GuardTest, VerifiesByTheSystemsAuthoritiesWithoutAClientCa) {
  setenv("SSL_CERT_FILE", (folder_ / "ca.crt").c_str(), 1);
  setenv("SSL_CERT_DIR", (folder_ / "none").c_str(), 1);
  const absl::Cleanup forget = [] {
    unsetenv("SSL_CERT_FILE");
    unsetenv("SSL_CERT_DIR");
  };
  const TestIdentity known = MakeIdentity("known", "", authority_);
  const TestIdentity rogue = MakeIdentity("rogue", "", MakeAuthority("rogue authority"));
  for (const bool required : {true, false}) {
    server_under_test_.reset();
    ASSERT_EQ(Start(std::string(kTls) + "  client_auth_type: " +
                    (required ? "RequireAndVerifyClientCert\n" : "VerifyClientCertIfGiven\n")),
              absl::OkStatus());
    EXPECT_THAT(GetOverTls(address_, {.identity = &known}).text, HasSubstr("200 OK"));
    EXPECT_EQ(GetOverTls(address_, {.identity = &rogue}).text, "");
    EXPECT_EQ(GetOverTls(address_, {}).text.empty(), required);
  }
}

TEST_F(GuardTest, LetsInOnlyClientsOfItsAuthorityWithAnAllowedName) {
  ASSERT_EQ(Start(std::string(kTls) +
                  "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n"
                  "  client_allowed_sans: [prometheus, 10.0.0.7, 'spiffe://x/y']\n"),
            absl::OkStatus());
  const auto answer_to = [&](const TestIdentity& client) {
    return GetOverTls(address_, {.identity = &client}).text;
  };

  EXPECT_EQ(GetOverTls(address_, {}).text, "");
  for (const char* name : {"DNS:prometheus", "IP:10.0.0.7", "DNS:other,URI:spiffe://x/y"}) {
    EXPECT_THAT(answer_to(MakeIdentity("client", name, authority_)), HasSubstr("200 OK")) << name;
  }
  for (const char* name : {"", "DNS:other", "IP:10.0.0.8", "DNS:prometheus.evil"}) {
    EXPECT_EQ(answer_to(MakeIdentity("prometheus", name, authority_)), "") << name;
  }
  const TestIdentity rogue_authority = MakeAuthority("authority");
  EXPECT_EQ(answer_to(MakeIdentity("client", "DNS:prometheus", rogue_authority)), "");
}

TEST_F(GuardTest, HonoursTheOtherKindsOfClientAuthentication) {
  const TestIdentity known = MakeIdentity("known", "", authority_);
  const TestIdentity rogue = MakeIdentity("rogue", "", MakeAuthority("rogue authority"));
  const struct {
    const char* type;
    bool none_allowed;
    bool rogue_allowed;
  } cases[] = {{"RequestClientCert", true, true},
               {"RequireAnyClientCert", false, true},
               {"VerifyClientCertIfGiven", true, false},
               {"RequireAndVerifyClientCert", false, false}};
  for (const auto& [type, none_allowed, rogue_allowed] : cases) {
    server_under_test_.reset();
    ASSERT_EQ(Start(std::string(kTls) + "  client_ca_file: ca.crt\n  client_auth_type: " + type),
              absl::OkStatus());
    EXPECT_EQ(!GetOverTls(address_, {}).text.empty(), none_allowed) << type;
    EXPECT_EQ(!GetOverTls(address_, {.identity = &rogue}).text.empty(), rogue_allowed) << type;
    EXPECT_FALSE(GetOverTls(address_, {.identity = &known}).text.empty()) << type;
  }
}

// An operator who trusts what one authority issues, and not all of its root's others.
TEST_F(GuardTest, TrustsAnIssuingAuthorityWithoutItsRoot) {
  const TestIdentity issuer = MakeIssuingAuthority("issuer", authority_);
  const TestIdentity other = MakeIssuingAuthority("other", authority_);
  Write("ca.crt", issuer.certificate);
  ASSERT_EQ(Start(std::string(kTls) +
                  "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n"),
            absl::OkStatus());
  const auto answer_to = [&](const TestIdentity& client) {
    return GetOverTls(address_, {.identity = &client}).text;
  };
  EXPECT_THAT(answer_to(MakeIdentity("client", "", issuer)), HasSubstr("200 OK"));
  EXPECT_EQ(answer_to(MakeIdentity("client", "", other)), "");
  EXPECT_EQ(answer_to(MakeIdentity("client", "", authority_)), "");
}

TEST_F(GuardTest, NamesTheFileThatDoesNotFit) {
  const TestIdentity other = MakeIdentity("other", "", authority_);
  Write("other.key", other.key);
  Write("empty.crt", "");
  const struct {
    const char* config;
    const char* why;
  } cases[] = {
      {"{cert_file: missing.crt, key_file: server.key}", "missing.crt: cannot be read: No such"},
      {"{cert_file: empty.crt, key_file: server.key}", "empty.crt: there is no PEM certificate"},
      {"{cert_file: server.crt, key_file: server.crt}", "server.crt: there is no PEM private key"},
      {"{cert_file: server.crt, key_file: other.key}", "other.key: it does not belong"},
      {"{cert_file: server.crt, key_file: server.key, cipher_suites: "
       "[TLS_NONSENSE, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]}",
       "TLS_NONSENSE is not among"},
      {"{cert_file: server.crt, key_file: server.key, max_version: TLS12, cipher_suites: "
       "[TLS_AES_256_GCM_SHA384]}\nhttp_server_config: {http2: false}",
       "none of TLS 1.2"},
      {"{cert_file: server.crt, key_file: server.key, client_ca_file: empty.crt, "
       "client_auth_type: RequireAndVerifyClientCert}",
       "empty.crt: there is no PEM certificate"},
  };
  for (const auto& [config, why] : cases) {
    const absl::Status status = Start("tls_server_config: " + std::string(config));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << config;
    EXPECT_THAT(std::string(status.message()), HasSubstr(why)) << config;
  }
}

// Nobody would notice that what stands behind it is missing.
TEST_F(GuardTest, SaysWhichCertificateOfAFileIsDamaged) {
  const std::string& whole = authority_.certificate;
  const size_t middle = whole.size() / 2;
  for (const std::string& damaged : {whole.substr(0, middle), whole.substr(0, middle) + "!",
                                     std::string(whole).replace(middle, 1, "!"),
                                     std::string(whole).replace(whole.find("MII"), 3, "AAA")}) {
    Write("chain.crt", server_.certificate + damaged);
    for (const char* config :
         {"{cert_file: chain.crt, key_file: server.key}",
          "{cert_file: server.crt, key_file: server.key, client_ca_file: chain.crt, "
          "client_auth_type: RequireAndVerifyClientCert}"}) {
      const absl::Status status = Start("tls_server_config: " + std::string(config));
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << config << damaged;
      EXPECT_THAT(std::string(status.message()),
                  HasSubstr("chain.crt: certificate 2 in it is damaged: "))
          << config << damaged;
    }
  }
}

}  // namespace
}  // namespace cnproc
