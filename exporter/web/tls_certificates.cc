// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/tls_certificates.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "exporter/small_file.h"

namespace cnproc {
namespace {

using BioPtr = std::unique_ptr<BIO, Freer<BIO_free>>;
using CertificatePtr = std::unique_ptr<X509, Freer<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;

// Takes OpenSSL's newest complaint from this thread's queue.
std::string OpensslError() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  std::string text = reason == nullptr ? "unknown error" : reason;
  ERR_clear_error();
  return text;
}

// One PEM text, from the configuration or a file, with the name that errors call it by.
struct Pem {
  std::string name;
  std::string text;

  BioPtr Open() const {
    return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  }
};

absl::StatusOr<Pem> GetPem(const char* what, const std::string& inline_text,
                           const std::string& file) {
  if (file.empty()) return Pem{what, inline_text};
  absl::StatusOr<std::string> text = ReadSmallFile(file);
  if (!text.ok()) return text.status();
  return Pem{file, *std::move(text)};
}

// Never asks a terminal for a password.
int NoPassword(char*, int, int, void*) { return 0; }

// All of them, or none if one is damaged: nobody would notice that those behind it are missing.
absl::StatusOr<std::vector<CertificatePtr>> ReadCertificates(const Pem& pem) {
  std::vector<CertificatePtr> certificates;
  const BioPtr bio = pem.Open();
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, NoPassword, nullptr)) {
    certificates.emplace_back(certificate);
  }
  // The end of the text is an error too.
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    return BadTls(pem.name, absl::StrCat("certificate ", certificates.size() + 1,
                                         " in it is damaged: ", OpensslError()));
  }
  ERR_clear_error();
  if (certificates.empty()) return BadTls(pem.name, "there is no PEM certificate in it");
  return certificates;
}

}  // namespace

absl::Status BadTls(std::string_view what, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(std::string(what), ": ", std::string(why)));
}

absl::Status UseCertificate(SSL_CTX* context, const TlsConfig& config) {
  const auto pem = GetPem("cert", config.cert, config.cert_file);
  if (!pem.ok()) return pem.status();
  const absl::StatusOr<std::vector<CertificatePtr>> read = ReadCertificates(*pem);
  if (!read.ok()) return read.status();
  const std::vector<CertificatePtr>& chain = *read;
  if (SSL_CTX_use_certificate(context, chain[0].get()) != 1) {
    return BadTls(pem->name, OpensslError());
  }
  for (size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, chain[i].get()) != 1) {
      return BadTls(pem->name, OpensslError());
    }
  }
  return absl::OkStatus();
}

absl::Status UseKey(SSL_CTX* context, const TlsConfig& config) {
  const auto pem = GetPem("key", config.key, config.key_file);
  if (!pem.ok()) return pem.status();
  const BioPtr bio = pem->Open();
  const KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, nullptr));
  if (key == nullptr) {
    ERR_clear_error();
    return BadTls(pem->name, "there is no PEM private key without a password in it");
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    return BadTls(pem->name,
                  absl::StrCat("it does not belong to the certificate: ", OpensslError()));
  }
  return absl::OkStatus();
}

absl::Status UseClientCa(SSL_CTX* context, const TlsConfig& config) {
  if (config.client_ca.empty() && config.client_ca_file.empty()) {
    if (!config.VerifiesClients()) return absl::OkStatus();
    // As Go's server does. SSL_CERT_FILE and SSL_CERT_DIR say where else the system's may be.
    return SSL_CTX_set_default_verify_paths(context) == 1
               ? absl::OkStatus()
               : BadTls("the system's authorities", OpensslError());
  }
  const auto pem = GetPem("client_ca", config.client_ca, config.client_ca_file);
  if (!pem.ok()) return pem.status();
  const absl::StatusOr<std::vector<CertificatePtr>> authorities = ReadCertificates(*pem);
  if (!authorities.ok()) return authorities.status();
  // Whoever is named here is trusted, though he be no root: an issuing authority will do.
  X509_STORE_set_flags(SSL_CTX_get_cert_store(context), X509_V_FLAG_PARTIAL_CHAIN);
  for (const CertificatePtr& authority : *authorities) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get()) != 1 ||
        SSL_CTX_add_client_CA(context, authority.get()) != 1) {
      return BadTls(pem->name, OpensslError());
    }
  }
  return absl::OkStatus();
}

}  // namespace cnproc
