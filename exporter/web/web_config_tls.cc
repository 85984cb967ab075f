// SPDX-License-Identifier: Apache-2.0
// The section tls_server_config.
#include <utility>

#include "exporter/web/web_config_reader.h"

namespace cnproc {
namespace {

constexpr std::array<Choice<ClientAuth>, 6> kClientAuths = {{
    {"NoClientCert", ClientAuth::kNone},
    {"RequestClientCert", ClientAuth::kRequest},
    {"RequireAnyClientCert", ClientAuth::kRequireAny},
    {"RequireClientCert", ClientAuth::kRequireAny},  // an older name
    {"VerifyClientCertIfGiven", ClientAuth::kVerifyIfGiven},
    {"RequireAndVerifyClientCert", ClientAuth::kRequireAndVerify},
}};
constexpr std::array<Choice<TlsVersion>, 4> kVersions = {{
    {"TLS13", TlsVersion::k13},
    {"TLS12", TlsVersion::k12},
    {"TLS11", TlsVersion::k11},
    {"TLS10", TlsVersion::k10},
}};
// To OpenSSL's names.
constexpr std::array<Choice<std::string_view>, 5> kCurves = {{
    {"CurveP256", "P-256"},
    {"CurveP384", "P-384"},
    {"CurveP521", "P-521"},
    {"X25519", "X25519"},
    {"X25519MLKEM768", "X25519MLKEM768"},
}};

// As the toolkit: a section that names none of these is no TLS.
bool NamesTls(const TlsConfig& tls, const YAML::Node& node) {
  for (const std::string* text :
       {&tls.cert_file, &tls.cert, &tls.key_file, &tls.key, &tls.client_ca_file, &tls.client_ca}) {
    if (!text->empty()) return true;
  }
  return node.IsMap() && node["client_auth_type"] && !node["client_auth_type"].Scalar().empty();
}

}  // namespace

absl::Status WebConfigReader::ReadTls(const YAML::Node& node, WebConfig& config) const {
  TlsConfig tls;
  absl::Status status =
      ReadMap(node, "tls_server_config",
              {{"cert_file", Path("cert_file", tls.cert_file)},
               {"cert", Text("cert", tls.cert)},
               {"key_file", Path("key_file", tls.key_file)},
               {"key", Text("key", tls.key)},
               {"client_ca_file", Path("client_ca_file", tls.client_ca_file)},
               {"client_ca", Text("client_ca", tls.client_ca)},
               {"client_auth_type", OneOf("client_auth_type", kClientAuths, tls.client_auth)},
               {"client_allowed_sans", List("client_allowed_sans", tls.client_allowed_sans)},
               {"min_version", OneOf("min_version", kVersions, tls.min_version)},
               {"max_version", OneOf("max_version", kVersions, tls.max_version)},
               {"cipher_suites", List("cipher_suites", tls.cipher_suites)},
               {"prefer_server_cipher_suites",
                Flag("prefer_server_cipher_suites", tls.prefer_server_cipher_suites)},
               {"curve_preferences", [&](const YAML::Node& value) {
                  if (!value.IsSequence() && !value.IsNull()) {
                    return Error(value, "curve_preferences must be a list");
                  }
                  for (const YAML::Node& item : value) {
                    std::string_view curve;
                    absl::Status read = OneOf("curve_preferences", kCurves, curve)(item);
                    if (!read.ok()) return read;
                    if (!curve.empty()) tls.curves.emplace_back(curve);
                  }
                  return absl::OkStatus();
                }}});
  if (!status.ok()) return status;
  if (!NamesTls(tls, node)) {
    if (node.size() != 0) config.not_done.emplace_back("tls_server_config: names no certificate");
    return absl::OkStatus();
  }
  if (status = CheckTls(node, tls); !status.ok()) return status;
  if (tls.min_version < TlsVersion::k12) {
    config.not_done.emplace_back("min_version: TLS 1.2 is the oldest that is spoken here");
    tls.min_version = TlsVersion::k12;
  }
  if (tls.client_auth == ClientAuth::kRequireAndVerify && tls.client_ca.empty() &&
      tls.client_ca_file.empty()) {
    config.not_done.emplace_back(
        "client_auth_type: without client_ca_file, whoever has a certificate of one of the "
        "system's "
        "authorities gets in");
  }
  config.tls = std::move(tls);
  return absl::OkStatus();
}

absl::Status WebConfigReader::CheckTls(const YAML::Node& node, const TlsConfig& tls) const {
  const struct {
    const char* name;
    const std::string& inline_text;
    const std::string& file;
    bool needed;
  } parts[] = {{"cert", tls.cert, tls.cert_file, true},
               {"key", tls.key, tls.key_file, true},
               {"client_ca", tls.client_ca, tls.client_ca_file, false}};
  for (const auto& [name, inline_text, file, needed] : parts) {
    if (!inline_text.empty() && !file.empty()) {
      return Error(node, absl::StrCat(name, " and ", name, "_file are both given"));
    }
    if (needed && inline_text.empty() && file.empty()) {
      return Error(node, absl::StrCat(name, "_file (or ", name, ") is missing"));
    }
  }
  const bool has_ca = !tls.client_ca.empty() || !tls.client_ca_file.empty();
  if (has_ca && tls.client_auth == ClientAuth::kNone) {
    return Error(node, "client_ca_file is given, but client_auth_type asks for no certificate");
  }
  if (tls.min_version > tls.max_version) {
    return Error(node, "min_version is above max_version");
  }
  if (tls.max_version < TlsVersion::k12) {
    return Error(node, "max_version: TLS 1.2 is the oldest that is spoken here");
  }
  return CheckSans(node, tls);
}

absl::Status WebConfigReader::CheckSans(const YAML::Node& node, const TlsConfig& tls) const {
  const YAML::Node sans = node["client_allowed_sans"];
  if (!sans || sans.IsNull()) return absl::OkStatus();
  if (tls.client_allowed_sans.empty()) {
    return Error(sans, "client_allowed_sans is empty: nobody could connect");
  }
  // Whoever shows no certificate would get in.
  if (tls.client_auth != ClientAuth::kRequireAny &&
      tls.client_auth != ClientAuth::kRequireAndVerify) {
    return Error(node,
                 "client_allowed_sans needs client_auth_type RequireAndVerifyClientCert or "
                 "RequireAnyClientCert");
  }
  return absl::OkStatus();
}

// Go's server refuses to start with such a list, and with it every other exporter of a fleet.
absl::Status WebConfigReader::CheckHttp2(const YAML::Node& node, const WebConfig& config,
                                         bool http2) const {
  if (!http2 || !config.tls || config.tls->cipher_suites.empty() ||
      config.tls->min_version >= TlsVersion::k13) {
    return absl::OkStatus();
  }
  for (const std::string& name : config.tls->cipher_suites) {
    if (name == "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" ||
        name == "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256") {
      return absl::OkStatus();
    }
  }
  return Error(node["cipher_suites"],
               "cipher_suites lacks TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 or "
               "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, one of which HTTP/2 demands: add it, or "
               "set http2: false in http_server_config (exporters that speak HTTP/2 do not start "
               "with this file)");
}

}  // namespace cnproc
