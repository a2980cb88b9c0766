#!/usr/bin/env bash
# Makes .venv beside the sources: finds a Python from 3.11 to 3.14, installs one on Debian or Ubuntu where it is missing,
# and installs exactly the versions of constraints.txt.
#
# Sourced by demo.sh and test.sh, which call `prepare demo` and `prepare test`: the sources stay editable.
# Run as `bash deploy/setup.sh` it makes a release: a copy of the engine inside .venv, as engine.service wants it, so
# that a later `git checkout` changes nothing under a running process.
#
# Talks on standard error only, asks nothing, names no package index: pip and apt are used as the machine sets them up.
set -euo pipefail

repo=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=$repo/.venv
# What a finished set-up leaves in .venv, so that the next one has nothing to do.
stamp=$venv/.setup
readonly repo venv stamp
readonly -a PYTHON_NAMES=(python3 python3.14 python3.13 python3.12 python3.11)

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "setup: $*"
  exit 1
}

# quietly COMMAND…: shows what the command printed only when it fails.
quietly() {
  local log status=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 </dev/null || status=$?
  if ((status != 0)); then
    say "failed with exit status $status: $*"
    cat -- "$log" >&2
  fi
  rm -f -- "$log"
  return "$status"
}

# A pyenv shim can stand in PATH and refuse to run, so only running an interpreter tells.
is_supported() {
  "$1" -c 'import sys; sys.exit(not (sys.implementation.name == "cpython" and (3, 11) <= sys.version_info[:2] <= (3, 14)))' \
    >/dev/null 2>&1 </dev/null
}

# Debian and Ubuntu ship `ensurepip` apart from Python, in python3.N-venv.
can_make_venvs() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1 </dev/null; }

# find_python: sets `python` to the first interpreter that will do. Without one it returns 1, with `lacking_venv` set to
# an interpreter that only misses its venv module, if there is such a one.
find_python() {
  local name candidate
  python='' lacking_venv=''
  for name in "${PYTHON_NAMES[@]}"; do
    while IFS= read -r candidate; do
      is_supported "$candidate" || continue
      if can_make_venvs "$candidate"; then
        python=$candidate
        return 0
      fi
      lacking_venv=${lacking_venv:-$candidate}
    done < <(type -ap "$name")
  done
  return 1
}

apt_get() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@"; }

# apt_install PACKAGE…: with fresh package lists when the ones at hand are not enough.
apt_install() {
  apt_get install -y --no-install-recommends "$@" >/dev/null 2>&1 </dev/null && return 0
  quietly apt_get update && quietly apt_get install -y --no-install-recommends "$@"
}

# The package that brings what is missing: for the Python at hand, else for the newest one the machine's archive has
# (Ubuntu 22.04: python3.11-venv, from "universe"). Prints nothing when the archive has none.
python_package() {
  local minor
  if [[ -n $lacking_venv ]]; then
    "$lacking_venv" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])' </dev/null
    return 0
  fi
  for minor in 14 13 12 11; do
    if [[ -n $(apt-cache -q show "python3.$minor-venv" 2>/dev/null) ]]; then
      printf 'python3.%s-venv\n' "$minor"
      return 0
    fi
  done
}

install_python() {
  local package
  command -v apt-get >/dev/null ||
    fail "no Python from 3.11 to 3.14 with its venv module is in PATH; install one and run this again"
  package=$(python_package)
  if ((EUID != 0)); then
    fail "no Python from 3.11 to 3.14 with its venv module is in PATH; run this first:
  sudo apt-get update && sudo apt-get install ${package:-python3.11-venv}"
  fi
  if [[ -z $package ]]; then
    quietly apt_get update
    package=$(python_package)
  fi
  [[ -n $package ]] ||
    fail "this system's archive has no Python from 3.11 to 3.14; on Ubuntu 22.04 it is in \"universe\":
  sudo add-apt-repository universe"
  say "==> Installing $package"
  apt_install "$package" || fail "$package could not be installed"
  find_python || fail "$package is installed, and still no Python from 3.11 to 3.14 can make a virtual environment"
}

# What tells the kinds of files apart, for the library of the WhatsApp Web connector, which cannot be imported without it.
has_libmagic() { "$venv/bin/python" -c 'import ctypes; ctypes.CDLL("libmagic.so.1")' >/dev/null 2>&1 </dev/null; }

# Not fatal: the other connectors do without.
install_libmagic() {
  if ((EUID == 0)) && command -v apt-get >/dev/null; then
    say "==> Installing libmagic1"
    apt_install libmagic1 && return 0
  fi
  say "setup: libmagic.so.1 is not on this system, and the connector for WhatsApp Web needs it; before you use that, run
  sudo apt-get update && sudo apt-get install libmagic1"
}

# A virtual environment holds its own path in its scripts, so one that was moved or copied here is of no use.
is_usable() {
  is_supported "$venv/bin/python" && grep -qsF -- "$venv/bin/python" "$venv/bin/pip"
}

fingerprint() { cat -- "$repo/deploy/constraints.txt" "$repo/pyproject.toml" | sha256sum | cut -d ' ' -f 1; }

# is_prepared KIND: a test environment serves the demonstration too. A release is made each time, as sources change.
is_prepared() {
  local made
  [[ $1 != release && -r $stamp ]] && is_usable || return 1
  made=$(<"$stamp")
  [[ $made == "$1 $(fingerprint)" || ($1 == demo && $made == "test $(fingerprint)") ]]
}

make_venv() {
  if [[ -e $venv && ! -e $venv/pyvenv.cfg ]]; then
    fail "$venv is in the way: it is no virtual environment"
  fi
  find_python || install_python
  say "==> Making .venv with $("$python" --version 2>&1) ($python)"
  quietly "$python" -m venv --clear -- "$venv" || fail "the virtual environment could not be made"
}

# pip_install ARGUMENT…: in the pinned versions. An isolated build environment would not follow `-c`, so the build backend
# is installed, and pinned, like everything else.
pip_install() {
  quietly "$venv/bin/python" -m pip --disable-pip-version-check --no-input install --no-build-isolation \
    -c "$repo/deploy/constraints.txt" "$@" || fail "pip could not install the engine; what it said is above"
}

# prepare KIND: demo and test leave the sources editable, release copies them. Two at once wait for each other.
prepare() {
  (
    flock 9
    if is_prepared "$1"; then
      has_libmagic || install_libmagic
      exit 0
    fi
    is_usable || make_venv
    rm -f -- "$stamp"
    say "==> Installing the engine and its pinned dependencies (a minute or so, once)"
    pip_install hatchling editables
    case $1 in
      demo) pip_install -e "$repo" ;;
      test) pip_install -e "${repo}[test]" ;;
      release)
        pip_install "$repo"
        # The version number may be the one already there; the sources need not be.
        pip_install --force-reinstall --no-deps "$repo"
        ;;
    esac
    has_libmagic || install_libmagic
    printf '%s %s\n' "$1" "$(fingerprint)" >"$stamp"
    say "==> Set up in $SECONDS s"
  ) 9<"${BASH_SOURCE[0]}"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  (($# == 0)) || fail "takes no arguments"
  # The service runs as a user of its own, which must be able to read what root installs.
  umask 022
  prepare release
fi
