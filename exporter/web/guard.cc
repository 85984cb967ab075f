// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/guard.h"

#include <strings.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "collectors/base/time.h"
#include "exporter/log.h"

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

// One line for all of it.
void SayWhatIsNotDone(const WebConfig& config, const std::string& file) {
  std::vector<std::string> parts = config.not_done;
  if (config.tls) {
    for (const std::string& curve : UnknownCurves(*config.tls)) {
      parts.push_back(absl::StrCat("curve_preferences: ", curve, " is not among OpenSSL's"));
    }
  }
  if (parts.empty()) return;
  Log(Severity::kWarn, "not all that the web configuration asks for is done",
      {{"file", file}, {"not_done", absl::StrJoin(parts, "; ")}});
}

}  // namespace

absl::StatusOr<std::unique_ptr<Guard>> Guard::Create(const std::string& config_file) {
  std::unique_ptr<Guard> guard(new Guard(config_file));
  const FileStamp stamp = StampFile(config_file);
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
    // A client that the old file keeps out never comes to Handle.
    guard->tls_->set_before_handshake([self = guard.get()] { self->ReloadIfChanged(); });
  }
  SayWhatIsNotDone(config, config_file);
  guard->Adopt(std::move(config));
  const MutexLock lock(guard->reload_mutex_);
  guard->stamp_ = stamp;
  return guard;
}

absl::Status Guard::Reload() {
  if (config_file_.empty()) return absl::OkStatus();
  const MutexLock lock(reload_mutex_);
  // Before it is read: what changes meanwhile is noticed later.
  return ReadAgain(StampFile(config_file_));
}

void Guard::ReloadIfChanged() {
  if (config_file_.empty() || !look_.IsDue()) return;
  const MutexLock lock(reload_mutex_);
  const FileStamp stamp = StampFile(config_file_);
  if (stamp == stamp_ && last_read_succeeded_) return;
  // What it names may come later: it is tried again until it fits.
  const absl::Status status = ReadAgain(stamp);
  if (status.ok()) {
    Log(Severity::kInfo, "took the changed web configuration", {{"file", config_file_}});
  }
  const std::string complaint(status.message());
  if (complaint != std::exchange(last_complaint_, complaint) && !complaint.empty()) {
    Log(Severity::kWarn, complaint, {{"in_force", "the old web configuration"}});
  }
}

absl::Status Guard::ReadAgain(const FileStamp& stamp) {
  absl::Status status = TakeFile();
  last_read_succeeded_ = status.ok();
  if (!status.ok()) return status;
  last_success_unix_seconds_ = Seconds(RealtimeNs());
  stamp_ = stamp;
  return status;
}

absl::Status Guard::TakeFile() {
  auto config = ReadWebConfig(config_file_);
  if (!config.ok()) return config.status();
  if (absl::Status status = CheckChange(*config); !status.ok()) return status;
  if (config->tls) {
    if (absl::Status status = tls_->Replace(*config->tls); !status.ok()) return status;
  }
  SayWhatIsNotDone(*config, config_file_);
  Adopt(*std::move(config));
  return absl::OkStatus();
}

absl::Status Guard::CheckChange(const WebConfig& config) const {
  if (config.tls.has_value() != (tls_ != nullptr)) {
    return absl::InvalidArgumentError(absl::StrCat(config_file_, ": TLS cannot be turned ",
                                                   tls_ == nullptr ? "on" : "off",
                                                   " while the exporter runs: restart it"));
  }
  // A file that is just being written must not open every door.
  if (config.basic_auth_users.empty() && Current()->auth != nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(config_file_,
                     ": basic_auth_users is not there any more; to serve everybody, "
                     "restart the exporter"));
  }
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

HttpResponse Guard::Handle(const HttpRequest& request, const Handler& inner) {
  ReloadIfChanged();
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
