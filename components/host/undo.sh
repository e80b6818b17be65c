#!/usr/bin/env bash
# Takes everything of Skep's off a machine that exists on: leaves the swarm,
# then undoes the mesh, the firewall and the base, each with the newest script there is.
# shellcheck source-path=SCRIPTDIR source=prelude.sh
. "$(dirname -- "$(readlink -f -- "$0")")/prelude.sh"

newest() {
	find "${0%/*}" -maxdepth 1 -name "$1-??????????.sh" -printf '%T@ %p\n' | sort -rn | head -n1 | cut -d' ' -f2
}

do_apply() { die "use: ${0##*/} undo"; }

do_undo() {
	local name script
	for name in swarm-join swarm-watch mesh without firewall base; do
		script=$(newest "$name")
		[ -n "$script" ] || continue
		bash "$script" undo </dev/null || log "$name: undo failed; going on"
	done
	rm -rf /etc/skep "${0%/*}"
}

dispatch "$@"
