#!/usr/bin/env bash
# Joins this machine to the swarm over its mesh address and prints its node id.
# The join token comes on stdin, and below it lost NODE-ID for each node that the
# swarm has let go: a machine that still thinks that it is one of those leaves
# first. A machine that is in already only answers.
# Options: --address MESH-ADDRESS, --managers ADDRESS,..., --role manager|worker.
# shellcheck source-path=SCRIPTDIR/../host source=../host/prelude.sh
. "${0%/*}/prelude.sh"

state() { docker info --format '{{.Swarm.LocalNodeState}}'; }

do_apply() {
	address=$(option address "$@")
	managers=$(option managers "$@")
	role=$(option role "$@")
	local token tries=0
	IFS= read -r token || true
	leave_if_lost
	while [ "$(state)" != active ]; do
		tries=$((tries + 1))
		[ "$tries" -le 5 ] || die "could not join the swarm as $role in 5 tries"
		[ -n "$token" ] || die "no join token on stdin"
		wait_until 60 "a manager at $managers" manager_answers
		request "$token" || log "try $tries: $answer"
		settle_state
	done
	docker info --format '{{.Swarm.NodeID}}'
}

# leave_if_lost: after a swarm was rebuilt without this machine, or had taken it
# for dead, its engine may still be in the old one.
leave_if_lost() {
	local word id mine
	[ "$(state)" != locked ] ||
		die "the engine waits for the key of the swarm's lock, as it does after a start: run scripts/unlock, then pulumi up"
	mine=$(docker info --format '{{.Swarm.NodeID}}')
	while read -r word id || [ -n "$word" ]; do
		if [ "$word" = lost ] && [ -n "$id" ] && [ "$id" = "$mine" ]; then
			log "the swarm has let this machine go as $id: joining it anew"
			docker swarm leave --force >/dev/null
		fi
	done
}

manager_answers() {
	local manager
	for manager in ${managers//,/ }; do
		[ "$manager" != "$address" ] || continue
		if timeout 2 bash -c "</dev/tcp/$manager/2377" 2>/dev/null; then return 0; fi
	done
	return 1
}

# request asks the engine itself, over its socket: `docker swarm join` takes the
# token as an argument, where every process on the machine can read it. Without
# a version in the path the engine takes its own, whichever it is.
request() {
	local remotes='' manager
	for manager in ${managers//,/ }; do
		[ "$manager" = "$address" ] || remotes+="${remotes:+,}\"$manager:2377\""
	done
	answer=$(printf '{"ListenAddr":"%s:2377","AdvertiseAddr":"%s","DataPathAddr":"%s","RemoteAddrs":[%s],"JoinToken":"%s"}' \
		"$address" "$address" "$address" "$remotes" "$1" |
		curl -sS --max-time 60 --unix-socket /run/docker.sock -H 'Content-Type: application/json' \
			--data-binary @- -w '%{http_code}' http://docker/swarm/join 2>&1) || return 1
	[ "${answer: -3}" = 200 ]
}

# settle_state waits while the engine goes on joining on its own, and takes a
# failed try back so that the next starts clean.
settle_state() {
	local end=$((SECONDS + 45))
	while [ "$(state)" = pending ] && [ "$SECONDS" -lt "$end" ]; do sleep 0.5; done
	case $(state) in
	pending | error) docker swarm leave --force >/dev/null 2>&1 || true ;;
	esac
}

do_check() {
	[ "$(state)" = active ] || die "this machine is in no swarm: $(state)"
}

do_undo() {
	[ "$(state)" = inactive ] || docker swarm leave --force >/dev/null
}

dispatch "$@"
