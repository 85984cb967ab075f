#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The landing page and the live view of the real exporter in a real, headless Chromium, behind TLS
# and a password (Debian: chromium, nodejs, npm, openssl, libcrypt; root). Quiet when all is well.
# usage: run.sh [EXPORTER [SCREENSHOT]]     SCREENSHOT: where to draw one, a .png
set -eu
exporter=$(realpath "${1:-$(dirname "$0")/../../build/release/cnproc_exporter}")
screenshot=${2:+$(realpath "$2")}
cd "$(dirname "$0")"

for tool in chromium node npm openssl; do
  command -v "$tool" >/dev/null || { echo "tests/live_view: $tool is missing (apt install chromium nodejs npm openssl)" >&2; exit 1; }
done
[ -x "$exporter" ] || { echo "tests/live_view: no $exporter: build it first (cmake --preset release)" >&2; exit 1; }
if ! cmp -s package-lock.json node_modules/.installed; then
  npm ci --silent
  cp package-lock.json node_modules/.installed
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost \
  -addext subjectAltName=IP:127.0.0.1 -keyout "$work/server.key" -out "$work/server.crt" 2>/dev/null
# The password is "secret".
cat >"$work/web.yml" <<'END'
tls_server_config: {cert_file: server.crt, key_file: server.key}
basic_auth_users: {viewer: $2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW}
END
node live_view.mjs "$exporter" "$work" ${screenshot:+"$(realpath "$screenshot")"}
