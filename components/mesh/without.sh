#!/usr/bin/env bash
# Makes sure that this host can be in a swarm without a mesh: that Docker can
# encrypt overlay networks (IPsec's ESP), and that no mesh is there. Prints none.
# `check` changes nothing, so a preview may run it on a machine that is new.
# Options: --address ADDRESS, where the other hosts reach this one.
# shellcheck source-path=SCRIPTDIR/../host source=../host/prelude.sh
. "${0%/*}/prelude.sh"

do_apply() {
	do_check "$@"
	rm -rf "$root/etc/skep/mesh"
	echo none
}

do_check() {
	address=$(option address "$@")
	# No pipe: a grep that has seen enough would fail the writer.
	[[ "$(ip -4 -o addr show)" == *" inet $address/"* ]] ||
		die "this machine has not the address $address, by which the other hosts are to reach it"
	esp || die "this kernel cannot encrypt overlay networks: $why. Without a mesh it must: boot a kernel with IPsec (ESP), or set skep:mesh.mode to wireguard"
	stays
}

# esp asks the kernel for what Docker asks it for when a network is encrypted.
# All of it is in a network of its own, which is gone with the process.
esp() {
	local key=0x000102030405060708090a0b0c0d0e0f10111213
	if ! why=$(unshare --net ip xfrm state add src 127.0.0.1 dst 127.0.0.2 proto esp spi 0x1000 reqid 1 \
		mode transport aead 'rfc4106(gcm(aes))' "$key" 64 2>&1); then
		why="it has no ESP with AES-GCM (${why:-no reason given})"
		return 1
	fi
	# iptables comes with the engine; without it, its matches show later.
	command -v iptables >/dev/null || return 0
	if ! why=$(unshare --net iptables -w -A INPUT -p udp -m policy --dir in --pol ipsec -j ACCEPT 2>&1); then
		why="its netfilter cannot match IPsec policies ($why)"
		return 1
	fi
}

# stays refuses to cut a swarm off: its addresses are those of its birth.
stays() {
	local state at
	command -v docker >/dev/null || return 0
	read -r state at < <(timeout 20 docker info --format '{{.Swarm.LocalNodeState}} {{.Swarm.NodeAddr}}' 2>/dev/null) || return 0
	[ "$state" != active ] || [ "$at" = "$address" ] ||
		die "this machine is in a swarm as $at, which cannot become $address: whether there is a mesh is chosen before the first up; pulumi destroy comes before another choice"
}

# do_undo drops the keys that Docker leaves in the kernel when it leaves a
# swarm; they bear its own number (0xd0c4e3), so those of others stay.
do_undo() {
	local selector=()
	ip xfrm state deleteall reqid 13681891 2>/dev/null || true
	ip xfrm policy 2>/dev/null | awk '/^src/ { selector = $0 } /mark 0xd0c4e3\// { print selector }' |
		while read -ra selector; do
			ip xfrm policy delete "${selector[@]}" dir out mark 0xd0c4e3 || log "an IPsec policy of Docker's stays: ${selector[*]}"
		done
}

dispatch "$@"
