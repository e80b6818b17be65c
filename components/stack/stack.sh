#!/usr/bin/env bash
# Deploys the compose file on stdin as stack NAME and waits until every service
# runs it; fails with the failing task's error and last lines of log otherwise.
# `undo NAME` removes the stack and waits until it is gone.
# shellcheck source-path=SCRIPTDIR/../host source=../host/prelude.sh
. "${0%/*}/prelude.sh"

# Long enough for an image to be pulled over a slow line.
limit=${SKEP_DEPLOY_LIMIT:-480}

do_apply() {
	local name=$1 service detach=()
	# Docker 26 brought the flag; those before never wait anyway.
	if docker stack deploy --help | grep -q -- --detach; then detach=(--detach); fi
	# The exit status says only that the file was accepted.
	docker stack deploy "${detach[@]}" --prune --with-registry-auth --compose-file - "$name" >/dev/null
	for service in $(docker stack services "$name" --format '{{.Name}}'); do
		converge "$service"
	done
}

# converge waits until the service runs its new spec for its monitor window.
converge() {
	local service=$1 end=$((SECONDS + limit)) update
	log "$service: waiting"
	while [ "$SECONDS" -lt "$end" ]; do
		update=$(docker service inspect "$service" --format '{{if .UpdateStatus}}{{.UpdateStatus.State}}{{end}}')
		case $update in
		paused | rollback_*) give_up "$service" "the update was taken back ($update)" ;;
		updating) ;;
		*) if runs "$service"; then return 0; fi ;;
		esac
		hopeless "$service"
		sleep 0.3
	done
	give_up "$service" "it did not run in $limit s"
}

# runs: as many tasks as wanted, each for as long as the service's monitor window.
runs() {
	local service=$1 replicas monitor task since running=0
	replicas=$(docker service ls --filter "name=$service" --format '{{.Name}} {{.Replicas}}' | awk -v s="$service" '$1 == s {print $2}')
	[ -n "$replicas" ] && [ "${replicas%%/*}" = "${replicas##*/}" ] || return 1
	# A global service whose tasks all fail is at 0/0 between two tries.
	if [ "${replicas##*/}" = 0 ]; then
		[ "$(docker service inspect "$service" --format '{{with .Spec.Mode.Replicated}}{{.Replicas}}{{end}}')" = 0 ]
		return
	fi
	monitor=$(docker service inspect "$service" --format '{{if .Spec.UpdateConfig}}{{.Spec.UpdateConfig.Monitor.Seconds}}{{else}}5{{end}}')
	for task in $(docker service ps "$service" --filter desired-state=running -q); do
		since=$(docker inspect "$task" --format '{{if eq (print .Status.State) "running"}}{{.Status.Timestamp}}{{end}}')
		[ -n "$since" ] || return 1
		since=$(date -d "$since" +%s)
		awk -v now="$(date +%s)" -v since="$since" -v window="$monitor" 'BEGIN {exit !(now - since >= window)}' || return 1
		running=$((running + 1))
	done
	[ "$running" = "${replicas##*/}" ]
}

# hopeless ends the wait early where tasks fail again and again.
hopeless() {
	local service=$1 failed
	failed=$(docker service ps "$service" --filter desired-state=shutdown --format '{{.CurrentState}}' | grep -cE '^(Failed|Rejected)' || true)
	[ "$failed" -lt 6 ] || give_up "$service" "its tasks fail again and again"
}

give_up() {
	local service=$1 why=$2
	{
		echo "service $service: $why"
		docker service ps "$service" --no-trunc --format '{{.Name}} on {{.Node}}: {{.CurrentState}} {{.Error}}' | head -n 6
		echo "last lines of its log:"
		timeout 10 docker service logs --tail 20 --raw "$service" 2>&1 | cut -c1-500 | head -n 20
	} >&2
	exit 1
}

do_check() {
	local bad
	bad=$(docker stack services "$1" --format '{{.Name}} {{.Replicas}}' | awk '{split($2, n, "/"); if (n[1] != n[2]) print $1}')
	[ -z "$bad" ] || die "not all tasks run: $bad"
}

do_undo() {
	local name=$1
	docker stack rm "$name" >/dev/null 2>&1 || true
	# It answers before its work is done, and a stack that comes back at once
	# would find a network that is about to go (moby#29293).
	wait_until 120 "stack $name to go" gone "$name"
}

gone() {
	local kind
	for kind in service network; do
		[ -z "$(docker "$kind" ls -q --filter "label=com.docker.stack.namespace=$1")" ] || return 1
	done
}

dispatch "$@"
