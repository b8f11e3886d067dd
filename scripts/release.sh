#!/usr/bin/env bash
# Builds a release: release.sh VERSION FOLDER. FOLDER receives
# motionmill-VERSION-linux-ARCH.tar.gz for this machine's architecture (cgo is
# not cross-compiled) and SHA256SUMS over what is there.
set -euo pipefail

usage() {
  echo "usage: release.sh VERSION FOLDER, as in release.sh 1.2.3 dist" >&2
  exit 2
}

[ $# = 2 ] || usage
version=${1#v}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$ ]] || usage
mkdir -p "$2"
out=$(cd "$2" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/.."

name=motionmill-$version-linux-$(go env GOARCH)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/$name"
CGO_ENABLED=1 go build -trimpath -ldflags "-s -w -X main.version=$version" -o "$scratch/$name/motionmill" ./cmd/motionmill
cp LICENSE NOTICE README.md packaging/*.service env.sh "$scratch/$name/"

# The same sources give the same archive: fixed order, owners and times.
tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct)" \
  --directory "$scratch" "$name" | gzip -n -9 >"$out/$name.tar.gz"
(cd "$out" && sha256sum motionmill-*.tar.gz >SHA256SUMS)
echo "$out/$name.tar.gz"
