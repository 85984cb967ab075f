// SPDX-License-Identifier: Apache-2.0
// The TLS side of a server: an OpenSSL context whose certificate can be renewed while it serves.
#ifndef CNPROC_EXPORTER_WEB_TLS_H_
#define CNPROC_EXPORTER_WEB_TLS_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collectors/base/mutex.h"
#include "exporter/web/once_per.h"
#include "exporter/web/web_config.h"

struct ssl_ctx_st;  // SSL_CTX, without OpenSSL's headers
struct ssl_st;      // SSL

namespace cnproc {

// Of the configured curves those that this OpenSSL has not: they are left out.
std::vector<std::string> UnknownCurves(const TlsConfig& config);

// Thread safe. A handshake takes certificate, key, authority and rules as they are when it begins.
// When one of the files has changed, it is read again at the next handshake, looked at once a
// second at most; a set of files that does not fit together is logged and the old one stays in
// force. Sessions are not resumed: a client whose certificate was withdrawn would get in by an old
// ticket.
class TlsContext {
 public:
  // An error names the file and what is wrong with it.
  static absl::StatusOr<std::unique_ptr<TlsContext>> Create(const TlsConfig& config);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // Called first in each handshake: whoever owns the configuration may Replace it. To be set before
  // the first handshake.
  void set_before_handshake(std::function<void()> call) { before_handshake_ = std::move(call); }

  // All or nothing; for handshakes from now on.
  absl::Status Replace(const TlsConfig& config);

  // What this thread's newest handshake found wrong with the client's certificate, once; "" for
  // nothing. Any thread, about itself.
  static std::string_view TakeComplaint();
  // The socket of that handshake; -1 before the first.
  static int HandshakeSocket();

  // For the server; lives as long as this object.
  ssl_ctx_st* context() const { return context_; }

 private:
  struct Credentials;

  TlsContext();
  static absl::StatusOr<std::shared_ptr<const Credentials>> Load(const TlsConfig& config);
  // OpenSSL's client hello callback.
  static int OnClientHello(ssl_st* ssl, int* alert, void* self) noexcept;
  std::shared_ptr<const Credentials> Current() ABSL_LOCKS_EXCLUDED(mutex_);
  void RenewIfChanged() ABSL_LOCKS_EXCLUDED(mutex_);

  ssl_ctx_st* const context_;
  std::function<void()> before_handshake_;
  OncePer look_{kNsPerSecond};
  Mutex mutex_;
  std::shared_ptr<const Credentials> credentials_ ABSL_GUARDED_BY(mutex_);
  std::string last_complaint_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_WEB_TLS_H_
