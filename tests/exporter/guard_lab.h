// SPDX-License-Identifier: Apache-2.0
// The configuration of the web side in force: real files, a real server, real handshakes.
#ifndef CNPROC_TESTS_EXPORTER_GUARD_LAB_H_
#define CNPROC_TESTS_EXPORTER_GUARD_LAB_H_

#include <crypt.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "exporter/web/guard.h"
#include "exporter/web/http_server.h"
#include "tests/exporter/certificates.h"
#include "tests/exporter/http_client.h"
#include "tests/temp_folder.h"

namespace cnproc {

inline constexpr const char* kTls =
    "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n";

inline std::string Bcrypt(const std::string& password) {
  crypt_data scratch = {};
  return crypt_r(password.c_str(), "$2y$04$abcdefghijklmnopqrstuu", &scratch);
}

class GuardLab : public ::testing::Test {
 protected:
  GuardLab() {
    Write("server.crt", server_.certificate);
    Write("server.key", server_.key);
    Write("ca.crt", authority_.certificate);
  }

  void Write(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ / name) << content;
  }
  std::string ConfigFile() const { return (folder_ / "web.yml").string(); }

  absl::Status Start(const std::string& config, int threads = 8) {
    Write("web.yml", config);
    auto guard = Guard::Create(ConfigFile());
    if (!guard.ok()) return guard.status();
    guard_ = *std::move(guard);
    HttpServerOptions options;
    options.listen_addresses = {"127.0.0.1:0"};
    options.worker_threads = threads;
    options.tls = guard_->tls();
    options.complete = [this](HttpResponse& response) { guard_->AddHeaders(response); };
    server_under_test_ = std::make_unique<HttpServer>(options, [this](const HttpRequest& request) {
      return guard_->Handle(request, [](const HttpRequest&) { return PlainText(200, "in"); });
    });
    absl::Status status = server_under_test_->Start();
    if (status.ok()) address_ = server_under_test_->BoundAddresses().at(0);
    return status;
  }

  std::string GetAs(const std::string& login, const std::string& path = "/") const {
    return Exchange(address_, "GET " + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Basic " +
                                  absl::Base64Escape(login) + "\r\n\r\n");
  }

  const TestIdentity authority_ = MakeAuthority("authority");
  const TestIdentity server_ = MakeIdentity("server", "DNS:localhost,IP:127.0.0.1", authority_);
  const TempFolder temp_folder_;
  const std::filesystem::path folder_ = temp_folder_.path();
  std::unique_ptr<Guard> guard_;
  std::unique_ptr<HttpServer> server_under_test_;
  std::string address_;
};

}  // namespace cnproc

#endif  // CNPROC_TESTS_EXPORTER_GUARD_LAB_H_
