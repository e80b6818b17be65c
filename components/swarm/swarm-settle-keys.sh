# shellcheck shell=bash
# The swarm's certificate authority and the lock of its managers. Sourced, never
# run.

cluster() { docker info --format "{{.Swarm.Cluster.$1}}"; }

# authority EPOCH makes a new certificate authority once per epoch. The swarm
# itself keeps the number: it is noted before the rotation, since one that is
# under way must not be begun anew, and it goes on by itself.
authority() {
	local epoch=${1:-0} have
	have=$(docker config ls --filter label=skep.epoch --format '{{.Label "skep.epoch"}}' | sort -n | tail -n1)
	if [ "$epoch" -gt "${have:-0}" ]; then
		log "making a new certificate authority (epoch $epoch)"
		docker config create --label "skep.epoch=$epoch" "skep-epoch-$epoch" - <<<"$epoch" >/dev/null
		write docker swarm ca --rotate --detach --quiet
		[ -z "$have" ] || docker config rm "skep-epoch-$have" >/dev/null
	fi
	rotated || await_rotation
}

rotated() { [ "$(cluster RootRotationInProgress)" = false ]; }

# await_rotation waits for the nodes that live; those that do not take their new
# certificate when they are back, and until then the old authority counts too.
await_rotation() {
	local end=$((SECONDS + ${SKEP_ROTATION_LIMIT:-120}))
	until rotated; do
		[ "$SECONDS" -lt "$end" ] || die "not every node took its new certificate in ${SKEP_ROTATION_LIMIT:-120} s: $(behind ready | xargs). Look at their engines (journalctl -u docker); the next pulumi up waits again"
		if [ -z "$(behind ready)" ] && [ -n "$(behind down)" ]; then
			log "down, and without a new certificate until they are back: $(behind down | xargs)"
			return 0
		fi
		sleep 0.5
	done
}

# behind STATE prints the nodes in that state that have no certificate of the
# new authority yet.
behind() {
	docker node ls --format '{{.Hostname}} {{.Status}} {{.TLSStatus}}' |
		awk -v state="$1" 'tolower($2) == state && $3 != "Ready" { print $1 }'
}

# autolock yes: managers that start anew wait for a key, which is printed.
autolock() {
	local want=false
	[ "$1" != yes ] || want=true
	[ "$(cluster Spec.EncryptionConfig.AutoLockManagers)" = "$want" ] || write docker swarm update --autolock="$want"
	[ "$want" = false ] || docker swarm unlock-key -q
}
