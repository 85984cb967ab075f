// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/guard.h"

#include <strings.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace cnproc {
namespace {

HttpResponse AskForPassword() {
  HttpResponse response = PlainText(401, "401: name and password are needed");
  response.headers.emplace_back("WWW-Authenticate",
                                "Basic realm=\"cnproc_exporter\", charset=\"UTF-8\"");
  return response;
}

HttpResponse AskLater() {
  HttpResponse response = PlainText(503, "503: too many logins are being verified");
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Guard>> Guard::Create(const std::string& config_file) {
  std::unique_ptr<Guard> guard(new Guard(config_file));
  WebConfig config;
  if (!config_file.empty()) {
    auto read = ReadWebConfig(config_file);
    if (!read.ok()) return read.status();
    config = *std::move(read);
  }
  if (config.tls) {
    auto tls = TlsContext::Create(*config.tls);
    if (!tls.ok()) return tls.status();
    guard->tls_ = *std::move(tls);
  }
  guard->Adopt(std::move(config));
  return guard;
}

absl::Status Guard::Reload() {
  if (config_file_.empty()) return absl::OkStatus();
  auto config = ReadWebConfig(config_file_);
  if (!config.ok()) return config.status();
  if (config->tls.has_value() != (tls_ != nullptr)) {
    return absl::InvalidArgumentError(absl::StrCat(config_file_, ": TLS cannot be turned ",
                                                   tls_ == nullptr ? "on" : "off",
                                                   " while the exporter runs: restart it"));
  }
  // A file that is just being written must not open every door.
  if (config->basic_auth_users.empty() && Current()->auth != nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(config_file_,
                     ": basic_auth_users is not there any more; to serve everybody, "
                     "restart the exporter"));
  }
  if (config->tls) {
    if (absl::Status status = tls_->Replace(*config->tls); !status.ok()) return status;
  }
  Adopt(*std::move(config));
  return absl::OkStatus();
}

void Guard::Adopt(WebConfig config) {
  auto rules = std::make_shared<Rules>();
  rules->users = std::move(config.basic_auth_users);
  rules->headers = std::move(config.headers);
  const std::shared_ptr<const Rules> old = Current();
  if (old != nullptr && old->users == rules->users) {
    rules->auth = old->auth;
  } else if (!rules->users.empty()) {
    rules->auth = std::make_shared<BasicAuth>(rules->users);
  }
  for (const auto& [name, value] : rules->headers) {
    rules->frames_of_same_origin |=
        name == "X-Frame-Options" && strcasecmp(value.c_str(), "sameorigin") == 0;
  }
  const MutexLock lock(mutex_);
  rules_ = std::move(rules);
}

uint64_t Guard::verifications() const {
  const std::shared_ptr<const Rules> rules = Current();
  return rules->auth == nullptr ? 0 : rules->auth->verifications();
}

std::shared_ptr<const Guard::Rules> Guard::Current() const {
  const MutexLock lock(mutex_);
  return rules_;
}

HttpResponse Guard::Handle(const HttpRequest& request, const Handler& inner) const {
  const std::shared_ptr<const Rules> rules = Current();
  if (rules->auth == nullptr) return inner(request);
  switch (rules->auth->Check(request.Header("Authorization"), request.client)) {
    case BasicAuth::Verdict::kAllowed:
      break;
    case BasicAuth::Verdict::kRefused:
      return AskForPassword();
    case BasicAuth::Verdict::kBusy:
      return AskLater();
  }
  return inner(request);
}

void Guard::AddHeaders(HttpResponse& response) const {
  const std::shared_ptr<const Rules> rules = Current();
  // Of the two headers on frames browsers heed only the policy.
  if (rules->frames_of_same_origin) {
    for (auto& [name, value] : response.headers) {
      if (name == "Content-Security-Policy") {
        absl::StrReplaceAll({{"frame-ancestors 'none'", "frame-ancestors 'self'"}}, &value);
      }
    }
  }
  for (const auto& [name, value] : rules->headers) {
    std::erase_if(response.headers, [&name = name](const auto& header) {
      return strcasecmp(header.first.c_str(), name.c_str()) == 0;
    });
    response.headers.emplace_back(name, value);
  }
}

}  // namespace cnproc
