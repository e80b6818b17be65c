#!/usr/bin/env bash
# Brings the swarm to the members on stdin, a line each:
#   NODE-ID NAME manager|worker LABEL=VALUE...
# sets their labels, takes out nodes that are not named, and makes new join
# tokens, so that those the program saw are void.
# shellcheck source-path=SCRIPTDIR/../host source=../host/prelude.sh
. "${0%/*}/prelude.sh"

do_apply() {
	local id name labels members=()
	while read -r id name _ labels; do
		[ -n "$id" ] || continue
		members+=("$id")
		# Who has just joined is not down but unknown for a moment.
		if [ "$(status "$id")" = down ]; then
			log "$name is down and keeps its place; to remove it from the swarm, take it out of skep:hosts"
		else
			wait_until 60 "$name to be ready in the swarm" ready "$id"
		fi
		label "$id" "$labels"
	done
	[ ${#members[@]} -gt 0 ] || die "no members on stdin"
	local node
	for node in $(docker node ls -q); do
		[[ " ${members[*]} " == *" $node "* ]] || remove "$node"
	done
	write docker swarm join-token --rotate -q manager
	write docker swarm join-token --rotate -q worker
}

# write runs a command that reads an object of the swarm and writes it back; anew
# where Swarm itself wrote to it in between, as it does when a node dies, comes
# or has moved its tasks.
write() {
	local said tries=0
	until said=$("$@" 2>&1 >/dev/null); do
		tries=$((tries + 1))
		[[ $said == *'update out of sequence'* && $tries -lt 10 ]] || die "$*: $said"
		sleep 0.3
	done
}

status() { docker node inspect "$1" --format '{{.Status.State}}'; }

ready() { [ "$(status "$1")" = ready ]; }

# label sets what is named and drops what is not.
label() {
	local id=$1 wanted=$2 changes=() key
	local have
	have=$(docker node inspect "$id" --format '{{range $k, $v := .Spec.Labels}}{{$k}}={{$v}} {{end}}')
	local pair
	for pair in $wanted; do
		[[ " $have" == *" $pair "* ]] || changes+=(--label-add "$pair")
	done
	for pair in $have; do
		key=${pair%%=*}
		[[ " $wanted" == *" $key="* ]] || changes+=(--label-rm "$key")
	done
	[ ${#changes[@]} -eq 0 ] || write docker node update "${changes[@]}" "$id"
}

# remove takes out a node, dead or alive: its tasks move first where they can.
remove() {
	local node=$1
	log "taking node $node out of the swarm"
	write docker node update --availability drain "$node"
	if ready "$node"; then
		wait_until 60 "the tasks of $node to move" empty "$node"
	fi
	if [ "$(docker node inspect "$node" --format '{{.Spec.Role}}')" = manager ]; then
		write docker node demote "$node"
	fi
	wait_until 30 "node $node to be removed" docker node rm --force "$node"
}

empty() { [ -z "$(docker node ps "$1" --filter desired-state=running -q)" ]; }

do_check() {
	! docker node ls --format '{{.Status}}' | grep -qv '^Ready$' || die "a node is not ready; see: docker node ls"
}

dispatch "$@"
