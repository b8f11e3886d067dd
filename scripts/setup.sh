#!/usr/bin/env bash
# Sets up what building and running need: setup.sh [run|test|bench].
# On Debian and Ubuntu, as root or with sudo, it installs what is missing; else it
# says what to install and exits with status 3. All else goes into the cache folder.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

say() { printf 'setup: %s\n' "$*" >&2; }

missing() {
  say "$*"
  exit 3
}

cache=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}/motionmill
case $cache in
  /motionmill) missing "there is no cache folder: set HOME, or XDG_CACHE_HOME to an absolute path" ;;
  /*) ;;
  *) missing "XDG_CACHE_HOME is $XDG_CACHE_HOME: it must be an absolute path, or motionmill does not find what is put there" ;;
esac

# as_root runs a command with the rights to install packages.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# shellcheck source-path=SCRIPTDIR
. "$here/testtools.sh"

check_go() {
  local needed
  needed=$(awk '$1 == "go" {print $2}' "$here/../go.mod")
  command -v go >/dev/null || missing "Go is not installed. Install Go $needed or newer and put it on PATH"
  # Within the module Go itself fetches the version that go.mod asks for, if it may.
  (cd "$here/.." && go env GOVERSION) >/dev/null ||
    missing "Go $needed or newer is needed, and $(cd / && go version) could not fetch it. Install it and put it on PATH"
}

has_compiler() {
  printf '#include <stdlib.h>\nint main(void) { return 0; }\n' |
    "$(command -v gcc || command -v clang || echo false)" -x c - -o /dev/null 2>/dev/null
}

has_media() { command -v ffmpeg >/dev/null && command -v ffprobe >/dev/null; }

has_python() { python3 -c 'import ensurepip, venv' 2>/dev/null; }

has_certificates() { [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -d /etc/pki/tls/certs ] || [ -e /etc/ssl/cert.pem ]; }

# lacking prints the packages, as Debian names them, of what the system lacks.
lacking() {
  has_compiler || echo gcc libc6-dev
  has_media || echo ffmpeg
  has_certificates || echo ca-certificates
  ! needs_python "$1" || has_python || echo python3 python3-venv
  ! needs_java "$1" || has_java || echo default-jdk-headless maven
}

# install_packages installs what the system lacks.
install_packages() {
  local packages install
  packages=$(lacking "$1" | xargs)
  [ -n "$packages" ] || return 0
  install="apt-get install --no-install-recommends $packages"
  command -v apt-get >/dev/null || missing "missing: $packages (as Debian calls them). Install them with your package manager and run this again"
  as_root true 2>/dev/null || missing "missing: $packages. Run: sudo apt-get update && sudo $install"
  say "installing $packages with apt-get"
  as_root apt-get update -q >&2 || missing "apt-get update failed; see above"
  # shellcheck disable=SC2086 # The words of the command.
  as_root env DEBIAN_FRONTEND=noninteractive $install -y -q >&2 || missing "$install failed; see above"
  hash -r
  packages=$(lacking "$1" | xargs)
  [ -z "$packages" ] || missing "still missing after installing: $packages. Is something older in front of it on PATH?"
}

# install_sandbox installs what best confines ffmpeg. All works without it.
install_sandbox() {
  if command -v bwrap >/dev/null || ! command -v apt-get >/dev/null || ! as_root true 2>/dev/null; then return; fi
  say "installing bubblewrap with apt-get"
  if ! { as_root apt-get update -q && as_root env DEBIAN_FRONTEND=noninteractive apt-get install --no-install-recommends -y -q bubblewrap; } >&2; then
    say "bubblewrap could not be installed; motionmill doctor says how ffmpeg is confined without it"
  fi
}

needs_python() { ! has_library || { [ "$1" = test ] && ! has_python_tools; }; }

# needs_java is for tests only: they do without where packages cannot be installed.
needs_java() { [ "$1" = test ] && ! has_elasticmq && command -v apt-get >/dev/null && as_root true 2>/dev/null; }

ort_version=$(sed -n 's/^onnxruntime==\([0-9.]*\).*/\1/p' "$here/onnxruntime.txt")
ort_dir=$cache/onnxruntime/$ort_version

has_library() { [ -n "${MOTIONMILL_ORT_LIBRARY:-}" ] || [ -e "$ort_dir/libonnxruntime.so.$ort_version" ]; }

# fetch_library puts the shared library of ONNX Runtime into the cache folder, whole or not at all.
fetch_library() {
  if has_library; then return; fi
  case $(uname -sm) in
    "Linux x86_64" | "Linux aarch64") ;;
    *) missing "no ONNX Runtime is known for $(uname -sm). Set MOTIONMILL_ORT_LIBRARY to a libonnxruntime of at least 1.24" ;;
  esac
  getconf GNU_LIBC_VERSION >/dev/null 2>&1 ||
    missing "ONNX Runtime's wheel needs glibc. Set MOTIONMILL_ORT_LIBRARY to a libonnxruntime of at least 1.24 for this system"
  say "fetching ONNX Runtime $ort_version (24 MB)"
  mkdir -p "$cache/onnxruntime"
  scratch=$(mktemp -d "$cache/onnxruntime/.new-XXXXXX")
  trap 'rm -rf "$scratch"' EXIT
  "$(a_python "$scratch/venv")" -m pip --disable-pip-version-check download --no-deps --only-binary=:all: --require-hashes \
    --implementation cp --python-version 3.12 --abi cp312 --platform "manylinux_2_28_$(uname -m)" \
    --dest "$scratch" --requirement "$here/onnxruntime.txt" >&2 ||
    missing "ONNX Runtime $ort_version could not be fetched. Check the network, or set MOTIONMILL_ORT_LIBRARY"
  python3 "$here/unpack_onnxruntime.py" "$scratch" "$here/onnxruntime.txt" "$scratch/ready" ||
    missing "ONNX Runtime's wheel is not as it should be"
  mv -T "$scratch/ready" "$ort_dir" 2>/dev/null || has_library # Another setup may have been faster.
  say "ONNX Runtime $ort_version is in $ort_dir"
}

# a_python prints a Python that has pip: the system's, or one made in a folder.
a_python() {
  if python3 -m pip --version >/dev/null 2>&1; then
    echo python3
  else
    say "making a Python environment"
    python3 -m venv "$1" >&2
    echo "$1/bin/python"
  fi
}

main() {
  local what=${1:-run}
  case $what in
    run | test) ;;
    bench) what=test ;; # And the peer.
    *)
      say "usage: setup.sh [run|test|bench]"
      exit 2
      ;;
  esac
  check_go
  install_packages "$what"
  install_sandbox
  if [ -n "${MOTIONMILL_ORT_LIBRARY:-}" ] && [ ! -e "$MOTIONMILL_ORT_LIBRARY" ]; then
    missing "MOTIONMILL_ORT_LIBRARY is $MOTIONMILL_ORT_LIBRARY, which does not exist"
  fi
  fetch_library
  if [ "$what" = test ]; then fetch_test_tools; fi
  if [ "${1:-run}" = bench ]; then fetch_peer; fi
  say "ready: $(ffmpeg -version | awk 'NR == 1 {print $1, $3}'), ONNX Runtime ${MOTIONMILL_ORT_LIBRARY:-$ort_version}"
}

main "$@"
