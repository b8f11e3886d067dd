#!/bin/sh
# Runs every fuzz target of the project for a time, one after the other: fuzz.sh 60s
set -eu
cd "$(dirname "$0")/.."
for package in media queue api; do
  for target in $(go test -list '^Fuzz' "./$package" | grep '^Fuzz'); do
    echo "$package $target"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$1" "./$package"
  done
done
