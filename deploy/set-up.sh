#!/usr/bin/env bash
# Installs what is missing and prints a line for each step. A step writes a stamp; it is skipped while its inputs stay the same.
set -euo pipefail
cd "$(dirname "$0")/.."
state=.antiphon
stamps=$state/stamps
mkdir -p "$stamps"
# One set-up at a time: a second caller waits for the first.
exec 9>"$state/set-up.lock"
flock 9

fail() { printf '✗ %s\n' "$1" >&2; exit 1; }
need() { command -v "$1" >/dev/null 2>&1 || fail "$1 is missing: $2"; }

# step NAME WHAT COMMAND…: runs the command, unless the stamp of NAME is of the same content of the files "$inputs" and "$made" exists.
step() {
  local stamp=$stamps/$1 what=$2 began=$SECONDS sum; shift 2
  sum=$(cat $inputs | sha256sum)
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$sum" ] && ls $made >/dev/null 2>&1 && return
  printf '… %s\n' "$what"
  ( "$@" ) >"$state/set-up.log" 2>&1 || { tail -n 15 "$state/set-up.log" >&2; fail "$what: the installation failed; its whole output is in $state/set-up.log"; }
  printf '%s' "$sum" >"$stamp"
  printf '✓ %s (%s s)\n' "$what" $((SECONDS - began))
}

need python3 "install Python 3.11 or later (apt-get install python3)"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "Python $(python3 -V | cut -d' ' -f2) is too old: install 3.11 or later"
need java "install a JDK, 17 or later (apt-get install openjdk-17-jdk-headless)"
java_version=$(java -XshowSettings:properties -version 2>&1 | sed -n 's/^ *java.specification.version = //p')
[ "${java_version%%.*}" -ge 17 ] || fail "Java $java_version is too old: install 17 or later (apt-get install openjdk-17-jdk-headless)"
need mvn "install Maven (apt-get install maven)"
need node "install Node.js 20 or later"
node_version=$(node --version)
node_version=${node_version#v}
[ "${node_version%%.*}" -ge 20 ] || fail "Node.js $node_version is too old: install 20 or later"
need npm "install npm, which comes with Node.js"

members=(shared services/ingest-email services/ingest-social services/ingest-direct services/customer-profile services/case-mgmt services/routing services/desktop)

make_venv() { python3 -m venv "$1" || { rm -rf "$1"; echo "python3 -m venv does not work: apt-get install python3-venv"; return 1; }; }
install_uv() { [ -x $state/uv/bin/python ] || make_venv $state/uv; $state/uv/bin/python -m pip install --quiet uv=="$uv_version"; }
install_python() {
  [ -x $state/venv/bin/python ] || make_venv $state/venv
  $state/uv/bin/uv pip sync --quiet --python $state/venv/bin/python --require-hashes requirements.lock
  $state/uv/bin/uv pip install --quiet --python $state/venv/bin/python --no-deps "${members[@]/#/-e./}"
}
install_jars() { mvn -q -B -f deploy/java/pom.xml dependency:copy-dependencies -DoutputDirectory="$PWD/$state/jars"; }
install_node() {
  cd deploy/node
  npm ci --ignore-scripts
  # better-sqlite3 is compiled: its prebuilt binaries are not in the npm registry. The headers of Node are enough for that.
  local headers
  headers=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
  [ -f "$headers/include/node/node.h" ] && export npm_config_nodedir=$headers
  npm rebuild better-sqlite3
}
install_postgres() {
  ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && return
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "PostgreSQL 15 or later is missing: apt-get install postgresql"; return 1; }
  apt-get update
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql
}
install_compiler() {
  command -v c++ && command -v make && return
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "a C++ compiler is missing: apt-get install build-essential"; return 1; }
  apt-get update
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends g++ make
}

install_pages() { cd services/desktop/web; npm ci --ignore-scripts; npm run build; }
install_chromium() {
  command -v chromium && return
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "Chromium is missing: apt-get install chromium"; return 1; }
  apt-get update
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium
}

uv_version=$(sed -n 's/^UV_VERSION := //p' Makefile)
inputs=Makefile made=$state/uv/bin/uv step uv "the package installer" install_uv
inputs="requirements.lock shared/pyproject.toml $(ls services/*/pyproject.toml)" made=$state/venv/bin/python step python "Python packages" install_python
inputs=deploy/java/pom.xml made=$state/jars/greenmail-standalone-*.jar step jars "Apache Kafka and a mail server, by Maven" install_jars
inputs=/dev/null made="$(command -v c++ || echo missing)" step compiler "a C++ compiler" install_compiler
inputs="deploy/node/package.json deploy/node/package-lock.json" made=deploy/node/node_modules/better-sqlite3/build/Release/better_sqlite3.node step node "a Bluesky PDS, by npm (compiles SQLite: a minute)" install_node
inputs=/dev/null made="/usr/lib/postgresql/*/bin/initdb" step postgres "PostgreSQL" install_postgres
web=services/desktop/web
inputs="$web/package-lock.json $web/index.html $web/vite.config.ts $web/compress.mjs $(find $web/src -type f | sort)" made=$web/dist/index.html step pages "the pages of the desktop, by npm" install_pages
[ "${1:-}" = tests ] || exit 0
inputs=/dev/null made="$(command -v chromium || echo missing)" step chromium "Chromium, for tests of the pages" install_chromium
