# shellcheck shell=bash
# Where things are: the checkout, its working directory, and the cache that all
# checkouts of one user share. Sourced, never run.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
work="$root/.skep"
cache="${SKEP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/skep}"
export root work cache
