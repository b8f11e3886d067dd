#!/usr/bin/env bash
# Fetches Swagger UI, of which /docs is made, into the repository: vendor-docs.sh VERSION
set -euo pipefail

version=${1:?say which version, such as 5.35.0}
into=$(cd "$(dirname "$0")/.." && pwd)/api/docs/swagger-ui
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PATH=$PATH:${XDG_CACHE_HOME:-$HOME/.cache}/motionmill/testtools/bin
(cd "$work" && npm pack --silent "swagger-ui-dist@$version" >/dev/null && tar xzf ./*.tgz)
for file in swagger-ui-bundle.js swagger-ui-bundle.js.LICENSE.txt swagger-ui.css LICENSE NOTICE; do
  cp "$work/package/$file" "$into/$file"
done
echo "Swagger UI $version is in $into; look at /docs"
