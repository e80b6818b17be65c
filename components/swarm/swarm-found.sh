#!/usr/bin/env bash
# Founds the swarm on this machine, on its mesh address only, and prints the
# swarm's id. On a machine that manages a swarm already it changes nothing.
# Options: --address MESH-ADDRESS, --pool RANGE, --mtu BYTES, --encrypted yes.
# shellcheck source-path=SCRIPTDIR/../host source=../host/prelude.sh
. "${0%/*}/prelude.sh"

state() { docker info --format '{{.Swarm.LocalNodeState}}'; }

do_apply() {
	address=$(option address "$@")
	pool=$(option pool "$@")
	mtu=$(option mtu "$@")
	encrypted=$(option encrypted "$@")
	case $(state) in
	active) log "this machine is in a swarm already" ;;
	inactive)
		docker swarm init --advertise-addr "$address" --listen-addr "$address:2377" \
			--data-path-addr "$address" --default-addr-pool "$pool" \
			--default-addr-pool-mask-length 24 >/dev/null
		;;
	*) die "the swarm state of this machine is $(state): look at: docker info" ;;
	esac
	ingress
	docker info --format '{{.Swarm.Cluster.ID}}' | grep . || die "this machine is in a swarm that it does not manage"
}

# ingress makes Swarm's own overlay anew with the mesh's MTU, which can only be
# chosen at birth. Once something is published over it, it must stay.
ingress() {
	local have
	have=$(docker network inspect ingress --format '{{index .Options "com.docker.network.driver.mtu"}}' 2>/dev/null || true)
	[ "$have" != "$mtu" ] || return 0
	if [ -n "$(docker service ls -q)" ]; then
		log "services run already; the ingress network keeps its MTU"
		return 0
	fi
	if docker network inspect ingress >/dev/null 2>&1; then
		# It asks whether we are sure.
		echo y | docker network rm ingress >/dev/null
		wait_until 30 "the old ingress network to go" absent
	fi
	docker network create -d overlay --ingress -o com.docker.network.driver.mtu="$mtu" \
		${encrypted:+-o encrypted=true} ingress >/dev/null
}

absent() { ! docker network inspect ingress; }

do_check() {
	[ "$(docker info --format '{{.Swarm.ControlAvailable}}')" = true ] || die "this machine manages no swarm"
}

dispatch "$@"
