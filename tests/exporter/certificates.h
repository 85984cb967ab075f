// SPDX-License-Identifier: Apache-2.0
// Keys and certificates for tests, made anew each time: none can expire.
#ifndef CNPROC_TESTS_EXPORTER_CERTIFICATES_H_
#define CNPROC_TESTS_EXPORTER_CERTIFICATES_H_

#include <memory>
#include <string>

struct ssl_session_st;  // SSL_SESSION, without OpenSSL's headers

namespace cnproc {

struct TestIdentity {
  std::string certificate;  // PEM
  std::string key;          // PEM
};

// An authority of its own.
TestIdentity MakeAuthority(const std::string& name);
// One that another has signed.
TestIdentity MakeIssuingAuthority(const std::string& name, const TestIdentity& authority);
// Signed by the authority; alternative_names as OpenSSL writes them: "DNS:localhost,IP:127.0.0.1".
TestIdentity MakeIdentity(const std::string& name, const std::string& alternative_names,
                          const TestIdentity& authority);

struct TlsClientOptions {
  const TestIdentity* identity = nullptr;
  std::string authority = {};         // PEM, what the server's certificate is held against
  int max_version = 0;                // of OpenSSL; 0: the newest
  const char* ciphers = nullptr;      // of OpenSSL, for TLS 1.2
  const char* curves = nullptr;       // of OpenSSL
  ssl_session_st* session = nullptr;  // of an earlier answer, to go on with
};

// The answer to GET / and with it what was negotiated.
struct TlsAnswer {
  std::string text;         // "" if the handshake failed
  std::string server_name;  // the common name of the server's certificate
  std::string cipher;
  std::shared_ptr<ssl_session_st> session;
  bool resumed = false;  // without another handshake in full
};
TlsAnswer GetOverTls(const std::string& address, const TlsClientOptions& options);

}  // namespace cnproc

#endif  // CNPROC_TESTS_EXPORTER_CERTIFICATES_H_
