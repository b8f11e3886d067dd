#!/usr/bin/env bash
# Runs the embedded stage, sends one video through it and says where the results are.
#   VIDEO=path  the video; default: the rendered one that comes with the starter models
#   DIR=path    folder of the stage; default: motionmill/demo in the user's data folder
#   PORT=N      port of the page; default: 8080, or the next that is free
# On a terminal the stage stays up until Ctrl-C; without one it is stopped.
set -euo pipefail
set -m # The stage gets a process group of its own, so that Ctrl-C reaches it through us alone.

cd "$(dirname "${BASH_SOURCE[0]}")/.."
program=bin/motionmill
video=${VIDEO:-inference/starter/demo.mp4}
case ${XDG_DATA_HOME:-} in
  /*) data=$XDG_DATA_HOME ;;
  *) data=${HOME:+$HOME/.local/share} ;; # As motionmill does: a relative path counts for nothing.
esac
dir=${DIR:-${data:+$data/motionmill/demo}}
stage=

say() { printf 'demo: %s\n' "$*" >&2; }

fail() {
  say "$*"
  if [ -n "$stage" ] && [ -s "$log" ]; then
    say "the end of $log:"
    tail -n 20 "$log" >&2
  fi
  exit 1
}

# taken tells whether somebody answers on a port of this machine.
taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

choose_port() {
  port=${PORT:-8080}
  if [ -n "${PORT:-}" ]; then return; fi
  while taken "$port"; do
    port=$((port + 1))
    [ "$port" -lt 8180 ] || fail "no port from 8080 on is free; give one by PORT=N"
  done
  if [ "$port" != 8080 ]; then say "port 8080 is taken; using $port"; fi
}

running() { [ -n "$stage" ] && kill -0 "$stage" 2>/dev/null; }

# stop drains the stage and waits for it; a second Ctrl-C meanwhile stops it at once.
stop() {
  running || return 0
  trap 'kill -INT "$stage" 2>/dev/null || true' INT TERM HUP
  kill -INT "$stage" 2>/dev/null || true
  while running; do wait "$stage" 2>/dev/null || true; done
}

start() {
  say "starting the stage in $dir"
  : >"$dir/addresses-$port.txt" # The last run's must not be taken for this one's.
  "$program" local --dir "$dir/stage" --port "$port" >"$dir/addresses-$port.txt" 2>"$log" </dev/null &
  stage=$!
  trap stop EXIT
  trap 'exit 130' INT TERM HUP
  # Its last line is printed once every part answers.
  for _ in $(seq 300); do
    if grep -q '^Ctrl-C' "$dir/addresses-$port.txt"; then return; fi
    running || fail "the stage ended"
    sleep 0.2 &
    wait $! # Of a child in front of us that Ctrl-C ends, bash makes an error of its own.
  done
  fail "the stage is not ready after a minute"
}

# submit sends the video and leaves the folder of its results in $results.
submit() {
  say "sending $video"
  local status=0 # tee leaves Ctrl-C to submit, whose status tells.
  "$program" submit --server "$url" --wait --out "$dir/results" "$video" | tee -i "$dir/submit-$port.txt" || status=$?
  [ "$status" != 130 ] || exit 130
  [ "$status" = 0 ] || fail "the job did not succeed"
  results=$(sed -n 's/^results in //p' "$dir/submit-$port.txt")
  [ -d "$results" ] || fail "submit named no folder of results"
}

report() {
  local id file
  id=$(basename "$results")
  printf '\nThe page       %s/\nThe job        %s/#/jobs/%s\nIts files\n' "$url" "$url" "$id"
  for file in "$results"/*; do
    [ -d "$file" ] && file=$file/master.m3u8 # hls: a player begins with this one
    printf '  %s/v1/jobs/%s/files/%s\n' "$url" "$id" "${file#"$results"/}"
  done
  printf 'On this disk   %s\n\n' "$results"
}

[ -x "$program" ] || fail "$program is missing; run make build"
[ -r "$video" ] || fail "$video cannot be read; give another by VIDEO=path"
[ -n "$dir" ] || fail "HOME is not set; give a folder by DIR=path"
mkdir -p -m 700 "$dir" || fail "the folder $dir cannot be made; give another by DIR=path"
choose_port
log=$dir/demo-$port.log
url=http://127.0.0.1:$port
start
submit
report
if [ -t 0 ] && [ -t 1 ]; then
  trap 'exit 0' INT # What a person does here when done.
  sed -n '/^upload by hand/,$p' "$dir/addresses-$port.txt"
  wait "$stage" || fail "the stage ended"
else
  say "no terminal: stopping the stage"
fi
