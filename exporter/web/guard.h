// SPDX-License-Identifier: Apache-2.0
// What --web.config.file puts before every request.
#ifndef CNPROC_EXPORTER_WEB_GUARD_H_
#define CNPROC_EXPORTER_WEB_GUARD_H_

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collectors/base/mutex.h"
#include "exporter/web/basic_auth.h"
#include "exporter/web/file_stamp.h"
#include "exporter/web/http.h"
#include "exporter/web/once_per.h"
#include "exporter/web/tls.h"
#include "exporter/web/web_config.h"

namespace cnproc {

// Thread safe. When the file has changed it is read again at the next request or handshake, looked
// at once a second at most, as if by Reload; what keeps it from being taken is logged once.
class Guard {
 public:
  // `config_file` may be "": then everybody is let in, without TLS. InvalidArgument for a file that
  // is bad or names one that is.
  static absl::StatusOr<std::unique_ptr<Guard>> Create(const std::string& config_file);

  // Reads the file again, all or nothing: on an error what was in force stays so. While the users
  // stay the same, verified logins stay remembered. Whether there is TLS at all cannot change while
  // the server runs, and passwords cannot go.
  absl::Status Reload() ABSL_LOCKS_EXCLUDED(reload_mutex_);

  // Of the newest attempt to read the file, whoever made it.
  bool last_read_succeeded() const { return last_read_succeeded_; }
  double last_success_unix_seconds() const { return last_success_unix_seconds_; }

  // How often bcrypt ran for the users in force.
  uint64_t verifications() const;

  // nullptr without TLS. Lives as long as this object.
  TlsContext* tls() const { return tls_.get(); }

  // Asks `inner` once the request may pass.
  HttpResponse Handle(const HttpRequest& request, const Handler& inner);
  // The configured headers take the place of the response's own.
  void AddHeaders(HttpResponse& response) const;

 private:
  // Replaced as a whole.
  struct Rules {
    std::map<std::string, std::string> users;
    std::shared_ptr<BasicAuth> auth;  // nullptr: everybody
    HttpHeaders headers;
    bool frames_of_same_origin = false;  // X-Frame-Options is sameorigin
  };

  explicit Guard(std::string config_file) : config_file_(std::move(config_file)) {}
  // The errors of Reload.
  absl::Status CheckChange(const WebConfig& config) const;
  absl::Status ReadAgain(const FileStamp& stamp) ABSL_EXCLUSIVE_LOCKS_REQUIRED(reload_mutex_);
  absl::Status TakeFile();
  void ReloadIfChanged() ABSL_LOCKS_EXCLUDED(reload_mutex_);
  void Adopt(WebConfig config) ABSL_LOCKS_EXCLUDED(mutex_);
  std::shared_ptr<const Rules> Current() const ABSL_LOCKS_EXCLUDED(mutex_);

  const std::string config_file_;
  std::unique_ptr<TlsContext> tls_;  // constant after Create
  std::atomic<bool> last_read_succeeded_{true};
  std::atomic<double> last_success_unix_seconds_{0};
  OncePer look_{kNsPerSecond};
  Mutex reload_mutex_;                              // before mutex_
  FileStamp stamp_ ABSL_GUARDED_BY(reload_mutex_);  // of the file that is in force
  std::string last_complaint_ ABSL_GUARDED_BY(reload_mutex_);
  mutable Mutex mutex_;
  std::shared_ptr<const Rules> rules_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_WEB_GUARD_H_
