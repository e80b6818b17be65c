#!/usr/bin/env bash
# Deploys a stack and believes nobody: it is there when every service runs its
# new spec for its monitor window and every job is complete. Where that does
# not come true, what the deploy changed is taken back.
#
#   apply NAME [--delete-volumes VOLUME…]   the stack on stdin, see stack-input.sh
#   check NAME [--delete-volumes VOLUME…]
#   undo NAME [--delete-volumes VOLUME…]    volumes stay, but for those named
#
# Its parts lie beside it, under its own name.
# shellcheck source-path=SCRIPTDIR/../host source=../host/prelude.sh
. "${0%/*}/prelude.sh"
# shellcheck source-path=SCRIPTDIR source=stack-input.sh
. "${0%.sh}-input.sh"
# shellcheck source-path=SCRIPTDIR source=stack-judge.sh
. "${0%.sh}-judge.sh"
# shellcheck source-path=SCRIPTDIR source=stack-waves.sh
. "${0%.sh}-waves.sh"
# shellcheck source-path=SCRIPTDIR source=stack-objects.sh
. "${0%.sh}-objects.sh"
# shellcheck source-path=SCRIPTDIR source=stack-paths.sh
. "${0%.sh}-paths.sh"

do_apply() {
	stack=$1
	open_work
	unpack
	look || die "the engine of this host does not answer as a manager of a swarm"
	networks_fit
	cp "$work/services.json" "$work/before.json"
	jq '[.[].ID]' "$work/tasks.json" >"$work/before-tasks.json"
	if [ -s "$work/docker/config.json" ]; then export DOCKER_CONFIG=$work/docker; fi
	make_objects secret
	make_objects config
	local wave last
	last=$(last_wave)
	for ((wave = 1; wave <= last; wave++)); do
		if as_recorded "$wave"; then continue; fi
		[ "$deployed" -gt 0 ] || paths_open
		deploy "$wave"
		[ "$wave" -eq "$last" ] || await "$(services_of "$wave")"
	done
	# All of them: what ran in the first wave may have died since.
	await "$(services_of '[0-9]+')"
	prune
	record
}

do_check() {
	stack=$1
	open_work
	look || die "the engine of this host does not answer as a manager of a swarm"
	local verdict name text kind why
	[ "$(jq length "$work/services.json")" -gt 0 ] || fault "stack $stack has no services"
	judge "$(all_there)"
	while IFS=$'\t' read -r name verdict text kind _ why _; do
		case $verdict in
		done | steady) ;;
		young) [ "$kind" = service ] || fault "$name: $text" ;;
		failed) fault "$name: $why" ;;
		*) fault "$name: $text" ;;
		esac
	done <"$work/verdicts"
}

do_undo() {
	stack=$1
	shift
	[ "${1-}" != --delete-volumes ] || shift
	open_work
	if [ "$(docker info --format '{{.Swarm.LocalNodeState}}')" = inactive ]; then
		log "this host is in no swarm, so there is no stack $stack to remove"
		return 0
	fi
	look || die "the engine of this host does not answer as a manager of a swarm"
	volumes_of_stack >"$work/volumes"
	remove_services "$(jq -r '.[].ID' "$work/services.json")"
	local kind
	networks_of_stack | remove network "${SKEP_LET_GO:-60}" || fault "networks of stack $stack are still there"
	for kind in secret config; do
		docker "$kind" ls --filter "label=skep.stack=$stack" --format '{{.Name}}' | remove "$kind" 30 ||
			fault "${kind}s of stack $stack are still there"
	done
	farewell_to_volumes "$@"
}

dispatch "$@"
