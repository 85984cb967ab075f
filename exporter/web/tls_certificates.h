// SPDX-License-Identifier: Apache-2.0
// Certificates, keys and authorities, read from PEM texts into OpenSSL's contexts. Thread safe, but
// for one context at a time.
#ifndef CNPROC_EXPORTER_WEB_TLS_CERTIFICATES_H_
#define CNPROC_EXPORTER_WEB_TLS_CERTIFICATES_H_

#include <openssl/ssl.h>

#include <string_view>

#include "absl/status/status.h"
#include "exporter/web/web_config.h"

namespace cnproc {

// Frees an object of OpenSSL's, for std::unique_ptr.
template <auto kFree>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};

// InvalidArgument: "WHAT: WHY". `what` is a key of the configuration, or a file that it names.
absl::Status BadTls(std::string_view what, std::string_view why);

// Each sets in `context` what the configuration says, inline or by a file. Errors name the file or
// the key, and what is wrong with it.
absl::Status UseCertificate(SSL_CTX* context, const TlsConfig& config);
// After the certificate: the key must belong to it.
absl::Status UseKey(SSL_CTX* context, const TlsConfig& config);
// Whose certificates of clients are accepted: the configured authorities, else the system's.
absl::Status UseClientCa(SSL_CTX* context, const TlsConfig& config);

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_WEB_TLS_CERTIFICATES_H_
