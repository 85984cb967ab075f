// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "exporter/log.h"
#include "exporter/web/file_stamp.h"
#include "exporter/web/tls_certificates.h"

namespace cnproc {
namespace {

using ContextPtr = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;

// OpenSSL's names of the configured suites: those of TLS 1.3 and those before.
struct CipherNames {
  std::string tls13;
  std::string tls12;
};

absl::StatusOr<CipherNames> FindCiphers(SSL_CTX* context, const TlsConfig& config) {
  std::vector<std::string> tls13;
  std::vector<std::string> tls12;
  const STACK_OF(SSL_CIPHER)* all = SSL_CTX_get_ciphers(context);
  for (const std::string& name : config.cipher_suites) {
    bool found = false;
    for (int i = 0; i < sk_SSL_CIPHER_num(all) && !found; ++i) {
      const SSL_CIPHER* cipher = sk_SSL_CIPHER_value(all, i);
      const char* standard = SSL_CIPHER_standard_name(cipher);
      if (standard == nullptr || name != standard) continue;
      found = true;
      const bool new_kind = std::string_view(SSL_CIPHER_get_version(cipher)) == "TLSv1.3";
      (new_kind ? tls13 : tls12).emplace_back(SSL_CIPHER_get_name(cipher));
    }
    if (!found) return BadTls("cipher_suites", absl::StrCat(name, " is not among OpenSSL's"));
  }
  if (tls12.empty() && !config.cipher_suites.empty() && config.max_version == TlsVersion::k12) {
    return BadTls("cipher_suites", "there is none of TLS 1.2 among them, so nobody could connect");
  }
  return CipherNames{absl::StrJoin(tls13, ":"), absl::StrJoin(tls12, ":")};
}

bool SameAddress(const std::string& text, const ASN1_OCTET_STRING& address) {
  unsigned char bytes[16];
  const int family = address.length == 4 ? AF_INET : AF_INET6;
  return (address.length == 4 || address.length == 16) &&
         inet_pton(family, text.c_str(), bytes) == 1 &&
         std::equal(bytes, bytes + address.length, address.data);
}

bool IsAllowed(const GENERAL_NAME& name, const std::vector<std::string>& allowed) {
  const ASN1_STRING* text = nullptr;
  if (name.type == GEN_DNS) text = name.d.dNSName;
  if (name.type == GEN_EMAIL) text = name.d.rfc822Name;
  if (name.type == GEN_URI) text = name.d.uniformResourceIdentifier;
  return std::any_of(allowed.begin(), allowed.end(), [&](const std::string& candidate) {
    if (name.type == GEN_IPADD) return SameAddress(candidate, *name.d.iPAddress);
    return text != nullptr &&
           candidate == std::string_view(reinterpret_cast<const char*>(text->data),
                                         static_cast<size_t>(text->length));
  });
}

// Whether one of the certificate's alternative names is among `allowed`.
bool HasAllowedName(X509* certificate, const std::vector<std::string>& allowed) {
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  bool found = false;
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    found = found || IsAllowed(*sk_GENERAL_NAME_value(names, i), allowed);
  }
  GENERAL_NAMES_free(names);
  return found;
}

// Where a context keeps the names of the clients that it allows.
int AllowedNamesIndex() {
  static const int index = SSL_CTX_get_ex_new_index(
      0, nullptr, nullptr, nullptr, [](void*, void* names, CRYPTO_EX_DATA*, int, long, void*) {
        delete static_cast<std::vector<std::string>*>(names);
      });
  return index;
}

// Of the client's own certificate.
bool IsNameAllowed(X509_STORE_CTX* store) {
  const auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  const auto* allowed = static_cast<const std::vector<std::string>*>(
      SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), AllowedNamesIndex()));
  if (allowed == nullptr || allowed->empty() ||
      HasAllowedName(X509_STORE_CTX_get0_cert(store), *allowed)) {
    return true;
  }
  X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
  return false;
}

int CheckName(int verified, X509_STORE_CTX* store) {
  if (verified != 1 || X509_STORE_CTX_get_error_depth(store) != 0) return verified;
  return IsNameAllowed(store) ? 1 : 0;
}

// In place of the whole verification, where any certificate will do.
int CheckNameAlone(X509_STORE_CTX* store, void*) { return IsNameAllowed(store) ? 1 : 0; }

bool IsKnownCurve(SSL_CTX* context, const std::string& name) {
  const bool known = SSL_CTX_set1_groups_list(context, name.c_str()) == 1;
  ERR_clear_error();
  return known;
}

// Those that OpenSSL knows, as it lists them; "" where none were asked for.
absl::StatusOr<std::string> FindCurves(SSL_CTX* context, const TlsConfig& config) {
  std::vector<std::string> known;
  for (const std::string& name : config.curves) {
    if (IsKnownCurve(context, name)) known.push_back(name);
  }
  if (known.empty() && !config.curves.empty()) {
    return BadTls("curve_preferences", "there is none of OpenSSL's among them");
  }
  return absl::StrJoin(known, ":");
}

int OpensslVersion(TlsVersion version) {
  return version == TlsVersion::k12 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

std::vector<FileStamp> StampFiles(const TlsConfig& config) {
  std::vector<FileStamp> stamps;
  for (const std::string* file : {&config.cert_file, &config.key_file, &config.client_ca_file}) {
    stamps.push_back(StampFile(*file));
  }
  return stamps;
}

// A constant of OpenSSL's or of ours: a handshake runs on one thread from its begin to its end.
thread_local const char* complaint = "";
thread_local int handshake_socket = -1;

// OpenSSL's info callbacks. The first runs before the client has said anything; by the time that an
// alert is sent the reason is known.
void NoteHandshake(const SSL* ssl, int where, int) {
  if ((where & SSL_CB_HANDSHAKE_START) == 0) return;
  complaint = "";
  handshake_socket = SSL_get_fd(ssl);
}

void NoteComplaint(const SSL* ssl, int where, int) {
  const long result = SSL_get_verify_result(ssl);
  if ((where & SSL_CB_ALERT) == 0 || result == X509_V_OK) return;
  complaint = result == X509_V_ERR_APPLICATION_VERIFICATION
                  ? "none of its names is among client_allowed_sans"
                  : X509_verify_cert_error_string(result);
}

}  // namespace

std::vector<std::string> UnknownCurves(const TlsConfig& config) {
  const ContextPtr scratch(SSL_CTX_new(TLS_server_method()));
  std::vector<std::string> unknown;
  for (const std::string& name : config.curves) {
    if (!IsKnownCurve(scratch.get(), name)) unknown.push_back(name);
  }
  return unknown;
}

// What one handshake goes by. Immutable.
struct TlsContext::Credentials {
  TlsConfig config;
  std::vector<FileStamp> stamps;
  ContextPtr context;  // holds certificate, key, chain, authorities and allowed names
  CipherNames ciphers;
  std::string curves;

  bool ApplyTo(SSL* ssl) const;
};

// SSL_set_SSL_CTX takes the certificate and the stores along, but not what a connection has copied
// when it was made.
bool TlsContext::Credentials::ApplyTo(SSL* ssl) const {
  SSL_set_SSL_CTX(ssl, context.get());
  int mode = SSL_VERIFY_NONE;
  switch (config.client_auth) {
    case ClientAuth::kNone:
      break;
    case ClientAuth::kRequest:
    case ClientAuth::kVerifyIfGiven:
      mode = SSL_VERIFY_PEER;
      break;
    case ClientAuth::kRequireAny:
    case ClientAuth::kRequireAndVerify:
      mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
      break;
  }
  SSL_set_verify(ssl, mode, CheckName);
  if (config.prefer_server_cipher_suites) SSL_set_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE);
  // Suites of TLS 1.3 alone: to OpenSSL an empty list before it would mean its own.
  const bool only_tls13 = ciphers.tls12.empty() && !ciphers.tls13.empty();
  const TlsVersion oldest = only_tls13 ? TlsVersion::k13 : config.min_version;
  return SSL_set_min_proto_version(ssl, OpensslVersion(oldest)) == 1 &&
         (curves.empty() || SSL_set1_groups_list(ssl, curves.c_str()) == 1) &&
         SSL_set_max_proto_version(ssl, OpensslVersion(config.max_version)) == 1 &&
         (ciphers.tls12.empty() || SSL_set_cipher_list(ssl, ciphers.tls12.c_str()) == 1) &&
         (ciphers.tls13.empty() || SSL_set_ciphersuites(ssl, ciphers.tls13.c_str()) == 1);
}

TlsContext::TlsContext() : context_(SSL_CTX_new(TLS_server_method())) {
  SSL_CTX_set_min_proto_version(context_, TLS1_2_VERSION);
  SSL_CTX_set_options(context_, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context_, 0);
  SSL_CTX_set_client_hello_cb(context_, OnClientHello, this);
  SSL_CTX_set_info_callback(context_, NoteHandshake);
}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

absl::StatusOr<std::unique_ptr<TlsContext>> TlsContext::Create(const TlsConfig& config) {
  auto credentials = Load(config);
  if (!credentials.ok()) return credentials.status();
  std::unique_ptr<TlsContext> context(new TlsContext());
  const MutexLock lock(context->mutex_);
  context->credentials_ = *std::move(credentials);
  return context;
}

absl::StatusOr<std::shared_ptr<const TlsContext::Credentials>> TlsContext::Load(
    const TlsConfig& config) {
  auto credentials = std::make_shared<Credentials>();
  credentials->config = config;
  // Before the files are read: what changes meanwhile is noticed later.
  credentials->stamps = StampFiles(config);
  credentials->context.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = credentials->context.get();
  if (absl::Status status = UseCertificate(context, config); !status.ok()) return status;
  if (absl::Status status = UseKey(context, config); !status.ok()) return status;
  if (absl::Status status = UseClientCa(context, config); !status.ok()) return status;
  SSL_CTX_set_ex_data(context, AllowedNamesIndex(),
                      new std::vector<std::string>(config.client_allowed_sans));
  auto ciphers = FindCiphers(context, config);
  if (!ciphers.ok()) return ciphers.status();
  credentials->ciphers = *std::move(ciphers);
  auto curves = FindCurves(context, config);
  if (!curves.ok()) return curves.status();
  credentials->curves = *std::move(curves);
  if (config.client_auth == ClientAuth::kRequest || config.client_auth == ClientAuth::kRequireAny) {
    SSL_CTX_set_cert_verify_callback(context, CheckNameAlone, nullptr);
  }
  return credentials;
}

absl::Status TlsContext::Replace(const TlsConfig& config) {
  auto credentials = Load(config);
  if (!credentials.ok()) return credentials.status();
  const MutexLock lock(mutex_);
  credentials_ = *std::move(credentials);
  return absl::OkStatus();
}

std::shared_ptr<const TlsContext::Credentials> TlsContext::Current() {
  const MutexLock lock(mutex_);
  return credentials_;
}

void TlsContext::RenewIfChanged() {
  if (!look_.IsDue()) return;
  const std::shared_ptr<const Credentials> old = Current();
  if (StampFiles(old->config) == old->stamps) return;
  auto renewed = Load(old->config);
  std::string complaint(renewed.status().message());
  bool is_new = false;
  {
    const MutexLock lock(mutex_);
    if (credentials_ != old) return;  // replaced meanwhile
    if (renewed.ok()) credentials_ = *std::move(renewed);
    is_new = complaint != std::exchange(last_complaint_, complaint);
  }
  // Whoever reads the log may be slow: handshakes wait for the lock.
  if (complaint.empty()) {
    Log(Severity::kInfo, "took the renewed TLS files");
  } else if (is_new) {
    Log(Severity::kWarn, complaint, {{"in_force", "the old TLS files"}});
  }
}

int TlsContext::OnClientHello(SSL* ssl, int* alert, void* self) noexcept {
  SSL_set_info_callback(ssl, NoteComplaint);
  try {  // OpenSSL is C: nothing may fly through it
    auto* const tls = static_cast<TlsContext*>(self);
    if (tls->before_handshake_) tls->before_handshake_();
    tls->RenewIfChanged();
    if (tls->Current()->ApplyTo(ssl)) return SSL_CLIENT_HELLO_SUCCESS;
  } catch (const std::exception&) {  // out of memory: this handshake fails, the next may not
  }
  *alert = SSL_AD_INTERNAL_ERROR;
  return SSL_CLIENT_HELLO_ERROR;
}

int TlsContext::HandshakeSocket() { return handshake_socket; }

std::string_view TlsContext::TakeComplaint() { return std::exchange(complaint, ""); }

}  // namespace cnproc
