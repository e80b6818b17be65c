#!/usr/bin/env bash
# Brings the swarm to the members on stdin, a line each:
#   NODE-ID NAME manager|worker active|pause|drain LABEL=VALUE...
# sets their labels, availability and roles, takes out nodes that are not named,
# and makes new join tokens, so that those the program saw are void. With
# autolock it prints the key that unlocks managers.
# Options: --epoch NUMBER (of the certificate authority), --autolock yes,
# --force NAME,... (hosts that may go although tasks cannot go with them),
# --release yes: stdin has lines NAME manager|worker, and nothing is done but that
# nodes with another name are taken out; on a machine without a swarm, not that.
#
# Its parts lie beside it, under its own name.
# shellcheck source-path=SCRIPTDIR/../host source=../host/prelude.sh
. "${0%/*}/prelude.sh"
# shellcheck source-path=SCRIPTDIR source=swarm-settle-nodes.sh
. "${0%.sh}-nodes.sh"
# shellcheck source-path=SCRIPTDIR source=swarm-settle-tasks.sh
. "${0%.sh}-tasks.sh"
# shellcheck source-path=SCRIPTDIR source=swarm-settle-keys.sh
. "${0%.sh}-keys.sh"

do_apply() {
	if [ -n "$(option release "$@")" ]; then release "$(option force "$@")"; else settle "$@"; fi
}

settle() {
	local id name role availability labels members=() promoted=() demoted=() strangers=()
	declare -A names=() wanted=() availabilities=()
	read_nodes
	while read -r id name role availability labels; do
		[ -n "$id" ] || continue
		members+=("$id")
		names[$id]=$name wanted[$id]=$labels availabilities[$id]=$availability
		[ -n "${state_of[$id]:-}" ] ||
			die "$name says that it is in the swarm as $id, which this swarm does not know: run there docker swarm leave --force, then pulumi up --replace '**swarm-$name'"
		case $role:${role_of[$id]} in
		manager:worker) promoted+=("$id") ;;
		worker:manager) demoted+=("$id") ;;
		esac
	done
	[ ${#members[@]} -gt 0 ] || die "no members on stdin"
	present "${members[@]}"
	for id in $(printf '%s\n' "${!state_of[@]}" | sort); do
		[ -n "${names[$id]:-}" ] || strangers+=("$id")
	done
	# All that may be refused comes before anything is changed.
	majority "$(words "${promoted[@]}")" "$(words "${demoted[@]}" "${strangers[@]}")"
	movable "$(option force "$@")" "${strangers[@]}"
	for id in "${members[@]}"; do label "$id" "${wanted[$id]}"; done
	for id in "${promoted[@]}"; do promote "$id"; done
	for id in "${members[@]}"; do available "$id" "${availabilities[$id]}"; done
	# The dead first: with them gone, fewer make a majority.
	for id in $(dead_first "${demoted[@]}" "${strangers[@]}"); do
		if [ -n "${names[$id]:-}" ]; then demote "$id"; else remove "$id"; fi
	done
	authority "$(option epoch "$@")"
	autolock "$(option autolock "$@")"
	write docker swarm join-token --rotate -q manager
	write docker swarm join-token --rotate -q worker
}

# release FORCED comes before the mesh forgets the hosts that go, and so before
# new ones are in: those that become managers are, where they can be, before
# others cease to be. A node without a name has joined, but was never settled.
release() {
	local id name role promoted=() strangers=()
	declare -A roles=()
	while read -r name role; do
		[ -z "$name" ] || roles[$name]=$role
	done
	[ ${#roles[@]} -gt 0 ] || die "no hosts on stdin"
	if ! command -v docker >/dev/null || ! docker node ls -q >/dev/null 2>&1; then return 0; fi
	read_nodes
	for id in $(printf '%s\n' "${!state_of[@]}" | sort); do
		name=$(label_of "$id" host)
		if [ -z "$name" ]; then
			continue
		elif [ -z "${roles[$name]:-}" ]; then
			strangers+=("$id")
		elif [ "${roles[$name]}:${role_of[$id]}:${state_of[$id]}" = manager:worker:ready ]; then
			promoted+=("$id")
		fi
	done
	[ ${#strangers[@]} -gt 0 ] || return 0
	majority "$(words "${promoted[@]}")" "$(words "${strangers[@]}")"
	movable "$1" "${strangers[@]}"
	for id in "${promoted[@]}"; do promote "$id"; done
	for id in $(dead_first "${strangers[@]}"); do remove "$id"; done
}

# present waits for members that are not dead: who has just joined is unknown for
# a moment.
present() {
	local id
	for id; do
		if [ "${state_of[$id]}" = unknown ]; then
			wait_until 60 "${names[$id]} to be ready in the swarm" decided "$id"
			state_of[$id]=$(status "$id")
		fi
		[ "${state_of[$id]}" != down ] ||
			log "${names[$id]} is down and keeps its place; to remove it from the swarm, take it out of skep:hosts"
	done
}

words() { printf '%s' "$*"; }

do_check() {
	! docker node ls --format '{{.Status}}' | grep -qv '^Ready$' || die "a node is not ready; see: docker node ls"
}

dispatch "$@"
