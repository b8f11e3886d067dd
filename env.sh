#!/bin/sh
# env.sh STAGE writes .env, beside this script, from the outputs of
# terraform/stages/STAGE: a line NAME='value' for AWS_REGION and every
# MOTIONMILL_ output, to be read by a shell (. ./.env) or by motionmill itself.
# The old file is kept as .env.bak; both can be read by their owner alone.
#
# TERRAFORM names another program than terraform. Exit status: 0 written (or
# already the same), 1 .env cannot be written, 2 wrong usage, 3 terraform, the
# stage's state or one of its outputs is missing.
set -eu
export LC_ALL=C
umask 077

required='AWS_REGION MOTIONMILL_STAGE MOTIONMILL_UPLOADS_BUCKET MOTIONMILL_OUTPUTS_BUCKET
MOTIONMILL_WORK_QUEUE_URL MOTIONMILL_IN_PROGRESS_QUEUE_URL MOTIONMILL_DEAD_LETTER_QUEUE_URL MOTIONMILL_LEDGER_TABLE'

fail() {
  status=$1
  shift
  printf 'env.sh: %s\n' "$*" >&2
  exit "$status"
}

# assignments turns the JSON of `terraform output -json` into lines of the
# shell: NAME='value', the value as one word whatever is in it. It knows all of
# JSON, so that neither jq nor Python is needed, and fails on what is none.
assignments() {
  awk '
    function die(what) { printf "line of JSON not understood: %s\n", what >"/dev/stderr"; bad = 1; exit 1 }
    function space() { while (index(" \t\r\n", substr(text, at, 1)) && at <= size) at++ }
    function take(c) { space(); if (substr(text, at, 1) != c) die("no " c " at byte " at); at++ }
    function peek() { space(); return substr(text, at, 1) }
    function hex4(  n, i, d) {
      n = 0
      for (i = 0; i < 4; i++) {
        d = index("0123456789abcdef", tolower(substr(text, at, 1)))
        if (!d || at > size) die("\\u at byte " at)
        n = n * 16 + d - 1; at++
      }
      return n
    }
    # utf8 gives the bytes of a code point.
    function utf8(n) {
      if (n == 0) die("a NUL character, which no variable can hold")
      if (n < 128) return sprintf("%c", n)
      if (n < 2048) return sprintf("%c%c", 192 + int(n / 64), 128 + n % 64)
      if (n < 65536) return sprintf("%c%c%c", 224 + int(n / 4096), 128 + int(n / 64) % 64, 128 + n % 64)
      return sprintf("%c%c%c%c", 240 + int(n / 262144), 128 + int(n / 4096) % 64, 128 + int(n / 64) % 64, 128 + n % 64)
    }
    function string(  out, c, n, low) {
      take("\""); out = ""
      for (;;) {
        if (at > size) die("a string without an end")
        c = substr(text, at, 1); at++
        if (c == "\"") return out
        if (c != "\\") { out = out c; continue }
        c = substr(text, at, 1); at++
        if (c == "n") out = out "\n"
        else if (c == "t") out = out "\t"
        else if (c == "r") out = out "\r"
        else if (c == "b") out = out "\b"
        else if (c == "f") out = out "\f"
        else if (c == "u") {
          n = hex4()
          if (n >= 55296 && n < 56320 && substr(text, at, 2) == "\\u") {
            at += 2; low = hex4(); n = 65536 + (n - 55296) * 1024 + low - 56320
          }
          out = out utf8(n)
        } else if (c != "" && index("\"\\/", c)) out = out c
        else die("an escape at byte " at)
      }
    }
    function bare(  from) {
      space(); from = at
      while (at <= size && substr(text, at, 1) ~ /[-+.0-9A-Za-z]/) at++
      if (at == from) die("no value at byte " at)
      return substr(text, from, at - from)
    }
    # value reads one; kind tells "string", "bare" or "other", and word holds it.
    function value(path,  c, name, k, w) {
      c = peek()
      if (c == "\"") { word = string(); kind = "string"; return }
      if (c != "{" && c != "[") { word = bare(); kind = "bare"; return }
      at++
      if (peek() == (c == "{" ? "}" : "]")) { at++; kind = "other"; return }
      for (;;) {
        name = ""
        if (c == "{") { space(); name = string(); take(":") }
        value(path "/" name)
        if (depth_of(path) == 1 && c == "{" && name == "value") output(substr(path, 2), kind, word)
        if (peek() == ",") { at++; continue }
        take(c == "{" ? "}" : "]"); kind = "other"; return
      }
    }
    function depth_of(path,  parts) { return path == "" ? 0 : split(path, parts, "/") - 1 }
    function output(name, kind, word) {
      if (name !~ /^(AWS_REGION|MOTIONMILL_[A-Z0-9_]+)$/) return
      if (kind == "other" || kind == "bare" && word == "null") return
      gsub(/\047/, "\047\\\047\047", word)
      printf "%s=\047%s\047\n", name, word
    }
    { text = text $0 "\n" }
    END {
      if (bad) exit 1
      size = length(text); at = 1
      value(""); space()
      if (at <= size) die("more after its end at byte " at)
    }
  '
}

[ $# -eq 1 ] || fail 2 'usage: ./env.sh STAGE (a folder of terraform/stages, as dev)'
stage=$1
cd "$(dirname -- "$0")" || exit 1
folder=terraform/stages/$stage
case $stage in
  '' | */* | .* | -*) fail 2 "there is no stage '$stage'; STAGE is the name of a folder of terraform/stages, as dev" ;;
esac
[ -d "$folder" ] || fail 2 "there is no stage '$stage': no folder $folder"

program=${TERRAFORM:-terraform}
command -v "$program" >/dev/null 2>&1 ||
  fail 3 "there is no program $program; install terraform, or name it by TERRAFORM"

scratch=$(mktemp -d "${TMPDIR:-/tmp}/motionmill-env.XXXXXX") || exit 1
fresh=
trap 'rm -rf "$scratch" ${fresh:+"$fresh"}' EXIT
trap 'exit 130' HUP INT TERM

"$program" -chdir="$folder" output -json >"$scratch/json" 2>"$scratch/errors" || {
  cat "$scratch/errors" >&2
  fail 3 "the outputs of the stage $stage cannot be read; run: $program -chdir=$folder init && $program -chdir=$folder apply"
}
assignments <"$scratch/json" >"$scratch/env" 2>"$scratch/errors" ||
  fail 3 "$program printed outputs that cannot be read: $(cat "$scratch/errors")"

missing=
for name in $required; do
  if ! grep -q "^$name='" "$scratch/env" || grep -q "^$name=''\$" "$scratch/env"; then
    missing="$missing $name"
  fi
done
if [ -n "$missing" ]; then
  fail 3 "the stage $stage lacks the outputs$missing; it is not applied, or not wholly: run $program -chdir=$folder apply"
fi

if [ -f .env ] && cmp -s "$scratch/env" .env; then
  chmod 600 .env || fail 1 '.env cannot be made private'
  echo ".env is already that of the stage $stage" >&2
  exit 0
fi
# Both files are replaced in one step each, so that no reader finds half of one.
fresh=$(mktemp .env.XXXXXX) || fail 1 'no file can be made beside env.sh'
if [ -e .env ]; then
  { cat .env >"$fresh" && mv -f "$fresh" .env.bak; } || fail 1 'the old .env cannot be kept as .env.bak'
  fresh=$(mktemp .env.XXXXXX) || fail 1 'no file can be made beside env.sh'
fi
{ cat "$scratch/env" >"$fresh" && mv -f "$fresh" .env; } || fail 1 '.env cannot be written'
echo "wrote .env for the stage $stage ($(grep -c "^[A-Z]" .env) settings)" >&2
