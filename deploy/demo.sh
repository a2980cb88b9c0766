#!/usr/bin/env bash
# Shows the engine at work on sample conversations, on a machine that has nothing but this repository:
#
#   bash deploy/demo.sh                  a dozen conversations through the real daemon, answers on the terminal
#   bash deploy/demo.sh --interactive    the same with what you type
#
# Sets up .venv first (see setup.sh), leaves nothing else behind and contacts nobody but the package index.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=setup.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/setup.sh"

prepare demo
exec "$venv/bin/engine" demo "$@"
