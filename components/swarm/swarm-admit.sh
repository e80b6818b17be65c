#!/usr/bin/env bash
# Prints the join tokens for the machines on stdin, a line each: manager TOKEN,
# worker TOKEN; and lost NODE-ID for each node that was taken out while it was
# dead, and that may not know. The tokens are good until swarm-settle.sh makes new
# ones, which is after everyone joined. For the same machines, all of them in, the answer is the
# same as before, whichever manager is asked: the swarm keeps it, void as it is by
# then, so that machines do not join again, of which one may be dead.
# shellcheck source-path=SCRIPTDIR/../host source=../host/prelude.sh
. "${0%/*}/prelude.sh"

label=skep.admitted

do_apply() {
	local machines name answer
	machines=$(cat)
	name=skep-admitted-$(sha256sum <<<"$machines" | cut -c1-16)
	if ! all_in "$machines" || ! docker config inspect "$name" >/dev/null 2>&1; then
		answer=$(tokens)
		docker config ls -q --filter label="$label" | xargs -r docker config rm >/dev/null
		docker config create --label "$label" "$name" - <<<"$answer" >/dev/null
	fi
	docker config inspect "$name" --format '{{json .Spec.Data}}' | tr -d '"' | base64 -d
}

# all_in MACHINES: whether the swarm has a node for each, dead or alive.
all_in() { [ "$(docker node ls -q | wc -l)" -ge "$(wc -l <<<"$1")" ]; }

tokens() {
	local role token
	for role in manager worker; do
		# Explicit, since errexit is off inside $(...).
		token=$(docker swarm join-token -q "$role") || die "the manager gives no token for a $role"
		printf '%s %s\n' "$role" "$token"
	done
	docker config ls --filter label=skep.lost --format 'lost {{.Label "skep.lost"}}' | sort
}

do_check() { docker node ls >/dev/null || die "this machine manages no swarm"; }

dispatch "$@"
