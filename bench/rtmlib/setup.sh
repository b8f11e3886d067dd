#!/usr/bin/env bash
# Puts rtmlib into a virtual environment of its own in the cache folder, and prints the path of its Python.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dir=${XDG_CACHE_HOME:-$HOME/.cache}/motionmill/rtmlib

if ! cmp -s "$here/requirements.txt" "$dir/installed"; then
  rm -rf "$dir"
  python3 -m venv "$dir" >&2
  # Without their dependencies, which are listed too: rtmlib asks for two builds of OpenCV that need a display.
  "$dir/bin/python" -m pip --disable-pip-version-check install --no-input --only-binary=:all: --no-deps \
    --requirement "$here/requirements.txt" >&2
  cp "$here/requirements.txt" "$dir/installed"
fi
echo "$dir/bin/python"
