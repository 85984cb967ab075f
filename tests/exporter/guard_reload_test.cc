// SPDX-License-Identifier: Apache-2.0
// Configuration files that change while the server runs, noticed by themselves or at a reload.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

#include "tests/exporter/guard_lab.h"

namespace cnproc {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class GuardReloadTest : public GuardLab {};

TEST_F(GuardReloadTest, TakesARenewedCertificateWithoutBeingTold) {
  ASSERT_EQ(Start(kTls), absl::OkStatus());
  ASSERT_EQ(GetOverTls(address_, {}).server_name, "server");

  const TestIdentity renewed = MakeIdentity("renewed", "DNS:localhost", authority_);
  Write("server.crt", renewed.certificate);
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  EXPECT_EQ(GetOverTls(address_, {}).server_name, "server");  // the key does not fit yet
  Write("server.key", renewed.key);
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  EXPECT_EQ(GetOverTls(address_, {}).server_name, "renewed");
}

void WaitForTheNextLook() { std::this_thread::sleep_for(std::chrono::milliseconds(1100)); }

TEST_F(GuardReloadTest, TakesChangedUsersWithoutBeingTold) {
  ASSERT_EQ(Start("basic_auth_users: {alice: " + Bcrypt("old") + "}"), absl::OkStatus());
  ASSERT_THAT(GetAs("alice:old"), HasSubstr("200 OK"));
  // When the file is bad, then the old one stays in force
  Write("web.yml", "basic_auth_users: {}");
  WaitForTheNextLook();
  EXPECT_THAT(Get(address_, "/"), HasSubstr("401"));
  EXPECT_THAT(GetAs("alice:old"), HasSubstr("200 OK"));
  EXPECT_FALSE(guard_->last_read_succeeded());
  // And when it is good, the new one
  Write("web.yml", "basic_auth_users: {alice: " + Bcrypt("new") + "}");
  WaitForTheNextLook();
  EXPECT_THAT(GetAs("alice:old"), HasSubstr("401"));
  EXPECT_THAT(GetAs("alice:new"), HasSubstr("200 OK"));
  EXPECT_TRUE(guard_->last_read_succeeded());
}

// Whom the old file keeps out never comes as far as a request.
TEST_F(GuardReloadTest, TakesAChangedClientCaWithoutBeingTold) {
  const TestIdentity new_authority = MakeAuthority("new authority");
  const TestIdentity client = MakeIdentity("client", "", new_authority);
  const std::string config =
      std::string(kTls) + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ";
  ASSERT_EQ(Start(config + "ca.crt"), absl::OkStatus());
  ASSERT_EQ(GetOverTls(address_, {.identity = &client}).text, "");
  // When the file names an authority that is not there yet
  Write("web.yml", config + "new.crt");
  WaitForTheNextLook();
  EXPECT_EQ(GetOverTls(address_, {.identity = &client}).text, "");
  // Then it is taken once it is
  Write("new.crt", new_authority.certificate);
  WaitForTheNextLook();
  EXPECT_THAT(GetOverTls(address_, {.identity = &client}).text, HasSubstr("200 OK"));
}

TEST_F(GuardReloadTest, TakesTheNewFileWhenItIsGoodAndKeepsTheOldOneWhenItIsBad) {
  const std::string old_users = "basic_auth_users: {alice: " + Bcrypt("old") + "}";
  ASSERT_EQ(Start(old_users), absl::OkStatus());
  ASSERT_THAT(GetAs("alice:old"), HasSubstr("200 OK"));

  Write("web.yml", "basic_auth_users: {alice: plain}");
  EXPECT_FALSE(guard_->Reload().ok());
  EXPECT_THAT(Get(address_, "/"), HasSubstr("401"));
  EXPECT_THAT(GetAs("alice:old"), HasSubstr("200 OK"));

  Write("web.yml", kTls);
  EXPECT_THAT(std::string(guard_->Reload().message()), HasSubstr("TLS cannot be turned on"));
  EXPECT_THAT(GetAs("alice:old"), HasSubstr("200 OK"));

  Write("web.yml", "basic_auth_users: {alice: " + Bcrypt("new") + "}");
  EXPECT_TRUE(guard_->Reload().ok());
  EXPECT_THAT(GetAs("alice:old"), HasSubstr("401"));
  EXPECT_THAT(GetAs("alice:new"), HasSubstr("200 OK"));
}

// A file that is just being written has no users yet.
TEST_F(GuardReloadTest, AReloadDoesNotOpenTheDoor) {
  ASSERT_EQ(Start("basic_auth_users: {alice: " + Bcrypt("secret") + "}"), absl::OkStatus());
  for (const char* config : {"", "{}", "basic_auth_users: {}", "basic_auth_users:",
                             "http_server_config: {headers: {X-Frame-Options: sameorigin}}"}) {
    Write("web.yml", config);
    const absl::Status status = guard_->Reload();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << config;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(ConfigFile()), HasSubstr("basic_auth_users is not there any more")))
        << config;
    EXPECT_THAT(Get(address_, "/"), AllOf(HasSubstr("401"), Not(HasSubstr("sameorigin"))))
        << config;
    EXPECT_THAT(GetAs("alice:secret"), HasSubstr("200 OK")) << config;
  }
}

TEST_F(GuardReloadTest, AReloadDoesNotTurnTlsOff) {
  ASSERT_EQ(Start(kTls), absl::OkStatus());
  Write("web.yml", "http_server_config: {headers: {X-Frame-Options: sameorigin}}");
  EXPECT_THAT(std::string(guard_->Reload().message()), HasSubstr("TLS cannot be turned off"));
  EXPECT_THAT(GetOverTls(address_, {}).text,
              AllOf(HasSubstr("200 OK"), Not(HasSubstr("sameorigin"))));
  EXPECT_THAT(Get(address_, "/"), Not(HasSubstr("200 OK")));
}

TEST_F(GuardReloadTest, AReloadWithAnotherCertificateIsForTheNextHandshake) {
  ASSERT_EQ(Start(kTls), absl::OkStatus());
  ASSERT_EQ(GetOverTls(address_, {}).server_name, "server");
  // When the file names others, of which one does not fit
  const TestIdentity other = MakeIdentity("other", "DNS:localhost", authority_);
  Write("other.crt", other.certificate);
  Write("other.key", other.key);
  const std::string headers = "http_server_config: {headers: {X-Frame-Options: sameorigin}}\n";
  Write("web.yml", headers + "tls_server_config: {cert_file: other.crt, key_file: server.key}");
  EXPECT_THAT(std::string(guard_->Reload().message()), HasSubstr("server.key: it does not belong"));
  // Then nothing of the file is in force
  TlsAnswer answer = GetOverTls(address_, {});
  EXPECT_EQ(answer.server_name, "server");
  EXPECT_THAT(answer.text, Not(HasSubstr("sameorigin")));
  // And all of it once they fit
  Write("web.yml", headers + "tls_server_config: {cert_file: other.crt, key_file: other.key}");
  EXPECT_EQ(guard_->Reload(), absl::OkStatus());
  answer = GetOverTls(address_, {});
  EXPECT_EQ(answer.server_name, "other");
  EXPECT_THAT(answer.text, HasSubstr("sameorigin"));
}

TEST_F(GuardReloadTest, AReloadForgetsNoLoginWhileTheUsersStay) {
  // Given a login that was verified
  const std::string users = "basic_auth_users: {alice: " + Bcrypt("secret") + "}\n";
  ASSERT_EQ(Start(users), absl::OkStatus());
  ASSERT_THAT(GetAs("alice:secret"), HasSubstr("200 OK"));
  ASSERT_EQ(guard_->verifications(), 1U);
  // When something else in the file changes
  Write("web.yml", users + "http_server_config: {headers: {X-Frame-Options: sameorigin}}");
  ASSERT_TRUE(guard_->Reload().ok());
  // Then the login is not verified again
  EXPECT_THAT(GetAs("alice:secret"),
              AllOf(HasSubstr("X-Frame-Options: sameorigin"), HasSubstr("frame-ancestors 'self'")));
  EXPECT_EQ(guard_->verifications(), 1U);
}

}  // namespace
}  // namespace cnproc
