#!/usr/bin/env bash
# Fetches what the page is made of and we did not write into the repository: vendor-page.sh HLS.JS UPLOT
# Run it with the versions to take, such as 1.7.4 1.6.32; look at a result's page and run the tests after it.
set -euo pipefail

hls=${1:?say which version of hls.js, such as 1.7.4}
uplot=${2:?say which version of uPlot, such as 1.6.32}
into=$(cd "$(dirname "$0")/.." && pwd)/web/static/vendor
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PATH=$PATH:${XDG_CACHE_HOME:-$HOME/.cache}/motionmill/testtools/bin

# take PACKAGE VERSION MODULE NAME puts a package's module, less the name of its source map, and its licence into a folder.
take() {
  mkdir -p "$work/$4" "$into/$4"
  (cd "$work/$4" && npm pack --silent "$1@$2" >/dev/null && tar xzf ./*.tgz)
  sed '/^\/\/# sourceMappingURL=/d' "$work/$4/package/$3" >"$into/$4/$4.js"
  cp "$work/$4/package/LICENSE" "$into/$4/LICENSE"
  echo "$1 $2" >"$into/$4/VERSION"
}

take hls.js "$hls" dist/hls.min.mjs hls
take uplot "$uplot" dist/uPlot.esm.js uplot
cp "$work/uplot/package/dist/uPlot.min.css" "$into/uplot/uplot.css"
echo "hls.js $hls and uPlot $uplot are in $into"
