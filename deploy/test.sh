#!/usr/bin/env bash
# The gate: everything that must hold before a change is merged. Continuous integration runs this very file.
#
#   bash deploy/test.sh           all of it
#   bash deploy/test.sh --fast    for daily use: leaves out the tests that start real processes, the bound on the whole
#                                 coverage (they make a part of it) and the wheel
#
# Sets up .venv first (see setup.sh). As root, in continuous integration or on a system without a running systemd (a
# container), it also installs the programs that check the files of deploy/; elsewhere the tests name those they miss.
# Fetches one npm package, for the tests of WhatsApp Web; it needs no npm for that.
# A step that fails shows its output; the other steps run all the same; the last line is pytest's.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=setup.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/setup.sh"

# Pure modules decide and do no input or output, so every branch of theirs can be, and is, tested.
readonly -a PURE=(
  'engine/commands/doctor/findings.py'
  'engine/commands/doctor/shifts.py'
  'engine/commands/findings/*.py'
  'engine/commands/incident_reports/*.py'
  'engine/commands/shift_reports/*.py'
  'engine/connectors/mattermost/buttons.py'
  'engine/connectors/mattermost/formatting.py'
  'engine/connectors/mattermost/mentions.py'
  'engine/connectors/mattermost/refusals.py'
  'engine/connectors/mattermost/tidings.py'
  'engine/connectors/mattermost/words.py'
  'engine/connectors/pacing.py'
  'engine/connectors/replies.py'
  'engine/connectors/troubles.py'
  'engine/connectors/twilio/forms.py'
  'engine/connectors/twilio/listings.py'
  'engine/connectors/twilio/notifications.py'
  'engine/connectors/twilio/refusals.py'
  'engine/connectors/twilio/signatures.py'
  'engine/connectors/whatsapp_cloud/clients.py'
  'engine/connectors/whatsapp_cloud/contents.py'
  'engine/connectors/whatsapp_cloud/fields.py'
  'engine/connectors/whatsapp_cloud/notifications.py'
  'engine/connectors/whatsapp_cloud/numbers.py'
  'engine/connectors/whatsapp_cloud/refusals.py'
  'engine/connectors/whatsapp_cloud/senders.py'
  'engine/connectors/whatsapp_cloud/signals.py'
  'engine/connectors/whatsapp_cloud/templates.py'
  'engine/connectors/whatsapp_web/arrivals.py'
  'engine/connectors/whatsapp_web/contents.py'
  'engine/connectors/whatsapp_web/fields.py'
  'engine/connectors/whatsapp_web/frames.py'
  'engine/connectors/whatsapp_web/identities.py'
  'engine/connectors/whatsapp_web/records.py'
  'engine/connectors/whatsapp_web/references.py'
  'engine/connectors/whatsapp_web/refusals.py'
  'engine/connectors/whatsapp_web/states.py'
  'engine/core/*.py'
  'engine/rehearsals/*.py'
  'engine/ruleset/advice/__init__.py'
  'engine/ruleset/advice/cases.py'
  'engine/ruleset/advice/comparisons.py'
  'engine/ruleset/advice/gaps.py'
  'engine/ruleset/advice/implications.py'
  'engine/ruleset/advice/overlaps.py'
  'engine/ruleset/advice/reachability.py'
  'engine/ruleset/advice/samples.py'
  'engine/ruleset/advice/unused.py'
  'engine/ruleset/advice/witnesses.py'
  'engine/ruleset/atoms.py'
  'engine/ruleset/calendars.py'
  'engine/ruleset/checker.py'
  'engine/ruleset/circumstances.py'
  'engine/ruleset/clauses.py'
  'engine/ruleset/codes.py'
  'engine/ruleset/compiler.py'
  'engine/ruleset/conditions.py'
  'engine/ruleset/differences/*.py'
  'engine/ruleset/directory.py'
  'engine/ruleset/editor_schema.py'
  'engine/ruleset/expressions.py'
  'engine/ruleset/facts.py'
  'engine/ruleset/frequencies.py'
  'engine/ruleset/guarantees.py'
  'engine/ruleset/guesses.py'
  'engine/ruleset/hours.py'
  'engine/ruleset/inflections.py'
  'engine/ruleset/languages.py'
  'engine/ruleset/literals.py'
  'engine/ruleset/matcher.py'
  'engine/ruleset/oncall/building.py'
  'engine/ruleset/oncall/editor_schema.py'
  'engine/ruleset/oncall/events.py'
  'engine/ruleset/oncall/folder.py'
  'engine/ruleset/oncall/foresight.py'
  'engine/ruleset/oncall/names.py'
  'engine/ruleset/oncall/policies.py'
  'engine/ruleset/oncall/reading.py'
  'engine/ruleset/oncall/syntax.py'
  'engine/ruleset/oncall/times.py'
  'engine/ruleset/outcomes.py'
  'engine/ruleset/parts.py'
  'engine/ruleset/phrases.py'
  'engine/ruleset/places.py'
  'engine/ruleset/scanner.py'
  'engine/ruleset/scenario_names.py'
  'engine/ruleset/scenarios.py'
  'engine/ruleset/schema.py'
  'engine/ruleset/shapes.py'
  'engine/ruleset/syntax.py'
  'engine/ruleset/templates/direct.py'
  'engine/ruleset/typos.py'
  'engine/ruleset/values.py'
  'engine/ruleset/variants.py'
)
# Debian package by the program it brings.
readonly -A PROGRAMS=(
  [caddy]=caddy
  [nginx]=nginx
  [openssl]=openssl
  [promtool]=prometheus
  [shellcheck]=shellcheck
  [systemd-analyze]=systemd
)
# The npm package that holds WhatsApp's tables of words, of which the tests' stand-in for WhatsApp Web reads two files.
# They are no part of this project. The digest is that of the package as the registry has it.
readonly TABLES=baileys TABLES_VERSION=7.0.0-rc14
readonly TABLES_SHA512=a5ec2dae58e15b1e494d406fbe45d9cf57cbdc93e2c338c1b27871fc359fd8b581c75719347ec9fec176db10de85b6b99b24965105386b53f0b7b95601153168
readonly -a TABLES_FILES=(lib/WABinary/constants.js lib/Defaults/index.js)

fast=''
whole_coverage=95
case ${1:-} in
  '') ;;
  --fast) fast=yes whole_coverage=0 ;;
  *)
    say "usage: bash deploy/test.sh [--fast]"
    exit 2
    ;;
esac

export PATH=$PATH:/usr/sbin:/sbin
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
mkdir -- "$work/data"
export COVERAGE_FILE=$work/data/coverage
failed=()

# Servers that a package starts by itself are welcome in a container and nowhere else.
install_programs() {
  local program
  local -a packages=()
  for program in "${!PROGRAMS[@]}"; do
    command -v "$program" >/dev/null || packages+=("${PROGRAMS[$program]}")
  done
  if ((${#packages[@]} == 0 || EUID != 0)) || ! command -v apt-get >/dev/null; then return 0; fi
  if [[ -d /run/systemd/system && -z ${CI:-} ]]; then return 0; fi
  say "==> Installing ${packages[*]}"
  # One that the archive does not have must not keep the others away.
  apt_install "${packages[@]}" || for program in "${packages[@]}"; do apt_install "$program" || true; done
}

# download_tables FILE: through npm, which knows a registry of the house's own, else from the public one.
download_tables() {
  if command -v npm >/dev/null && quietly npm pack --silent --pack-destination "$work" "$TABLES@$TABLES_VERSION"; then
    mv -- "$work/$TABLES-$TABLES_VERSION.tgz" "$1"
  else
    quietly "$venv/bin/python" -c 'import sys, urllib.request; urllib.request.urlretrieve(*sys.argv[1:])' \
      "https://registry.npmjs.org/$TABLES/-/$TABLES-$TABLES_VERSION.tgz" "$1"
  fi
}

# Without the tables the tests that need them say so, and fail.
fetch_tables() {
  local folder=$venv/share/$TABLES archive=$work/$TABLES.tgz
  [[ ! -e $folder/$TABLES_VERSION ]] || return 0
  say "==> Fetching the npm package $TABLES $TABLES_VERSION"
  download_tables "$archive" || return 0
  if ! printf '%s  %s\n' "$TABLES_SHA512" "$archive" | sha512sum --check --status; then
    say "$TABLES $TABLES_VERSION is not the package that test.sh names: its SHA-512 is another"
    return 0
  fi
  mkdir -p -- "$folder"
  tar -xzf "$archive" -C "$folder" --strip-components=1 "${TABLES_FILES[@]/#/package/}"
  : >"$folder/$TABLES_VERSION"
}

# step NAME COMMAND…: runs it with its output kept, and notes how it went for `report`.
step() {
  local name=$1 began=$SECONDS status=0
  shift
  # In the background, because `set -e` does not hold inside a function whose status is asked for.
  "$@" >"$work/$name.output" 2>&1 </dev/null &
  wait "$!" || status=$?
  printf '%s %s\n' "$status" "$((SECONDS - began))" >"$work/$name.result"
}

# report NAME…: one line for each step, and what a failed one printed.
report() {
  local name status seconds
  for name in "$@"; do
    read -r status seconds <"$work/$name.result"
    if ((status == 0)); then
      printf 'ok      %-18s %4d s\n' "$name" "$seconds"
    else
      printf 'FAILED  %-18s %4d s\n' "$name" "$seconds"
      cat -- "$work/$name.output"
      failed+=("$name")
    fi
  done
}

build_wheel() {
  local python=$work/wheel/venv/bin/python
  "$venv/bin/python" -m hatchling build -t wheel -d "$work/wheel"
  "$venv/bin/python" -m venv -- "$work/wheel/venv"
  "$python" -m pip --disable-pip-version-check --no-input install --quiet -c deploy/constraints.txt "$work"/wheel/*.whl
  # From another folder, or Python would find the sources and not the wheel.
  cd -- "$work/wheel"
  venv/bin/engine --version
  venv/bin/engine init project
  venv/bin/engine validate project/rules
  venv/bin/engine demo
}

# Both bounds, on what pytest and every process that it started left behind.
check_coverage() {
  local -a cover=("$venv/bin/python" -m coverage)
  local pattern status=0
  if compgen -G "$COVERAGE_FILE.*" >/dev/null; then "${cover[@]}" combine --append --quiet; fi
  for pattern in "${PURE[@]}"; do
    if ! compgen -G "$pattern" >/dev/null; then
      say "$pattern is in the list of pure modules and matches no file"
      status=1
    fi
  done
  printf 'The whole, of which %s %% must be tested:\n' "$whole_coverage"
  "${cover[@]}" report --precision=2 --fail-under="$whole_coverage" || status=1
  printf 'The pure modules, of which every branch must be tested:\n'
  "${cover[@]}" report --precision=2 --fail-under=100 --include="$(IFS=, && printf '%s' "${PURE[*]}")" || status=1
  return "$status"
}

prepare test
install_programs
fetch_tables
cd -- "$repo"

# The type checker takes one core for as long as the other steps take the other.
step mypy "$venv/bin/python" -m mypy &
step lint "$venv/bin/python" -m ruff check
step format "$venv/bin/python" -m ruff format --check
step imports "$venv/bin/lint-imports" --no-cache
step rules "$venv/bin/engine" validate rules/
step scenarios "$venv/bin/engine" test rules/ --min 95
steps=(lint format imports rules scenarios mypy)
if [[ -z $fast ]]; then
  step wheel build_wheel
  steps+=(wheel)
fi
wait
report "${steps[@]}"

# Twice as many as there are cores, because half of the time goes into waiting for processes and networks; who has nothing
# left to do takes from the others, or one of them would end with all of the slow tests.
workers=$(($(nproc) * 2))
status=0
"$venv/bin/python" -m pytest -n "$workers" --dist worksteal --cov --cov-report= ${fast:+-m 'not system'} </dev/null 2>&1 |
  tee "$work/pytest.output" || status=$?
((status == 0)) || failed+=(pytest)

step coverage check_coverage
report coverage
grep -E '^The |^TOTAL' "$work/coverage.output" || true

if ((${#failed[@]})); then printf 'FAILED: %s\n' "${failed[*]}"; fi
[[ -z $fast ]] || printf 'fast: without the tests that start processes, the bound on the whole coverage and the wheel\n'
tail -n 1 -- "$work/pytest.output"
((${#failed[@]} == 0))
