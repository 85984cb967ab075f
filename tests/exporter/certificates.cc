// SPDX-License-Identifier: Apache-2.0
#include "tests/exporter/certificates.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>

#include "exporter/web/tls_certificates.h"
#include "tests/exporter/http_client.h"

namespace cnproc {
namespace {

using Bio = std::unique_ptr<BIO, Freer<BIO_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using Context = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;
using Session = std::unique_ptr<SSL, Freer<SSL_free>>;

std::string Content(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

Bio Open(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Certificate ReadCertificate(const std::string& pem) {
  return Certificate(PEM_read_bio_X509(Open(pem).get(), nullptr, nullptr, nullptr));
}

Key ReadKey(const std::string& pem) {
  return Key(PEM_read_bio_PrivateKey(Open(pem).get(), nullptr, nullptr, nullptr));
}

void AddExtension(X509* certificate, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

TestIdentity Make(const std::string& name, const std::string& alternative_names,
                  const TestIdentity* authority, bool issues) {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate(X509_new());
  static long serial = 1;
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  if (issues) AddExtension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  if (authority == nullptr) {
    X509_set_issuer_name(certificate.get(), subject);
    X509_sign(certificate.get(), key.get(), EVP_sha256());
  } else {
    X509_set_issuer_name(certificate.get(),
                         X509_get_subject_name(ReadCertificate(authority->certificate).get()));
    if (!alternative_names.empty()) {
      AddExtension(certificate.get(), NID_subject_alt_name, alternative_names);
    }
    X509_sign(certificate.get(), ReadKey(authority->key).get(), EVP_sha256());
  }
  const Bio certificate_pem(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(certificate_pem.get(), certificate.get());
  const Bio key_pem(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(key_pem.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return {Content(certificate_pem.get()), Content(key_pem.get())};
}

}  // namespace

TestIdentity MakeAuthority(const std::string& name) {
  return Make(name, "", nullptr, /*issues=*/true);
}

TestIdentity MakeIssuingAuthority(const std::string& name, const TestIdentity& authority) {
  return Make(name, "", &authority, /*issues=*/true);
}

TestIdentity MakeIdentity(const std::string& name, const std::string& alternative_names,
                          const TestIdentity& authority) {
  return Make(name, alternative_names, &authority, /*issues=*/false);
}

TlsAnswer GetOverTls(const std::string& address, const TlsClientOptions& options) {
  const Context context(SSL_CTX_new(TLS_client_method()));
  // Otherwise OpenSSL itself would refuse the old versions that the server shall refuse.
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
  if (options.max_version != 0) SSL_CTX_set_max_proto_version(context.get(), options.max_version);
  if (options.ciphers != nullptr) SSL_CTX_set_cipher_list(context.get(), options.ciphers);
  if (options.curves != nullptr) SSL_CTX_set1_groups_list(context.get(), options.curves);
  if (!options.authority.empty()) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()),
                        ReadCertificate(options.authority).get());
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  }
  if (options.identity != nullptr) {
    SSL_CTX_use_certificate(context.get(), ReadCertificate(options.identity->certificate).get());
    SSL_CTX_use_PrivateKey(context.get(), ReadKey(options.identity->key).get());
  }
  const Connection connection(address);
  const Session session(SSL_new(context.get()));
  SSL_set_fd(session.get(), connection.fd());
  if (options.session != nullptr) SSL_set_session(session.get(), options.session);
  TlsAnswer answer;
  constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  if (SSL_connect(session.get()) == 1 &&
      SSL_write(session.get(), kRequest.data(), static_cast<int>(kRequest.size())) > 0) {
    char chunk[4096];
    for (int got = 0; (got = SSL_read(session.get(), chunk, sizeof(chunk))) > 0;) {
      answer.text.append(chunk, static_cast<size_t>(got));
    }
    char name[256] = "";
    const Certificate server(SSL_get1_peer_certificate(session.get()));
    X509_NAME_get_text_by_NID(X509_get_subject_name(server.get()), NID_commonName, name,
                              sizeof(name));
    answer.server_name = name;
    answer.cipher = SSL_get_cipher_name(session.get());
    // A connection that is cut takes its session along.
    SSL_shutdown(session.get());
    answer.session.reset(SSL_get1_session(session.get()), SSL_SESSION_free);
    answer.resumed = SSL_session_reused(session.get()) == 1;
  }
  ERR_clear_error();
  return answer;
}

}  // namespace cnproc
