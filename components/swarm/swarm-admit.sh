#!/usr/bin/env bash
# Prints the join tokens, a line each: manager TOKEN, worker TOKEN. They are
# good until swarm-settle.sh makes new ones, which is after everyone joined.
# shellcheck source-path=SCRIPTDIR/../host source=../host/prelude.sh
. "${0%/*}/prelude.sh"

do_apply() {
	local role
	for role in manager worker; do
		printf '%s %s\n' "$role" "$(docker swarm join-token -q "$role")"
	done
}

do_check() { docker node ls >/dev/null || die "this machine manages no swarm"; }

dispatch "$@"
