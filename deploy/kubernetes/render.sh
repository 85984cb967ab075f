#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints the manifests of an overlay, or of several on top of each other. For `monitoring` it first wraps dashboards/rules in a PrometheusRule and lays
# the dashboards beside it, in a temporary copy, so that both have one source.
set -euo pipefail

usage() {
  cat <<'END'
usage: deploy/kubernetes/render.sh [base|monitoring|own-netns|ipv6|oom]...
Environment: KUSTOMIZE is what to render with, kubectl kustomize by default (kubectl 1.22 or newer).
END
}
case ${1:-} in
  --help) usage; exit 0 ;;
  -*) usage >&2; exit 2 ;;
esac

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
dashboards=$here/../../dashboards
kustomize=${KUSTOMIZE:-kubectl kustomize}
command -v "${kustomize%% *}" >/dev/null || { echo "render: ${kustomize%% *} is missing" >&2; exit 1; }
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r "$here/base" "$here/overlays" "$copy/"

{
  printf 'apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: cnproc\nspec:\n  groups:\n'
  for file in "$dashboards"/rules/*.yml; do
    sed -n '/^groups:/,$p' "$file" | tail -n +2 | sed 's/^\(.\)/  \1/'
  done
} >"$copy/overlays/monitoring/prometheusrule.yaml"
cp "$dashboards"/*.json "$copy/overlays/monitoring/"

folder=$copy/base
for overlay in "$@"; do
  [ "$overlay" != base ] || continue
  below=$folder
  folder=$copy/overlays/$overlay
  [ -d "$folder" ] || { echo "render: no overlay $overlay" >&2; exit 2; }
  sed -i "s|- ../../base|- ${below/#"$copy"/../..}|" "$folder/kustomization.yaml"
done
# shellcheck disable=SC2086 # a command and its arguments
$kustomize "$folder"
