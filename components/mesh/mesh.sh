#!/usr/bin/env bash
# Keeps wg0 up with the config on stdin (the form of `wg setconf`): in the
# kernel where it has WireGuard, from systemd-networkd's files at boot, else in
# a process of wireguard-go. Prints which of the two: kernel or userspace.
# Options: --address ADDRESS/BITS, --mtu BYTES, --watch PATH (of swarm-watch.sh),
# --routes RANGES (with commas: networks behind peers), --userspace allow.
# Units call it with up (wg0 as on disk) and wait (until wg0 has its address).
# shellcheck source-path=SCRIPTDIR/../host source=../host/prelude.sh
. "${0%/*}/prelude.sh"

device=wg0
dir=$root/etc/skep/mesh
units=$root/etc/systemd/system
unit=$units/skep-mesh.service
docker_order=$units/docker.service.d/10-skep-mesh.conf
netdev=$root/etc/systemd/network/10-skep-$device.netdev
network=${netdev%.netdev}.network
manners=$root/etc/systemd/networkd.conf.d/10-skep.conf
# A fixed name for units, so that a new version of this script restarts nothing.
self=$root/usr/local/lib/skep/mesh-up

# recall takes what the last apply was told: address, mtu and routes.
recall() {
	# shellcheck source=/dev/null
	. "$dir/link"
}

do_apply() {
	address=$(option address "$@")
	mtu=$(option mtu "$@")
	userspace=$(option userspace "$@")
	routes=$(option routes "$@")
	watch=$(option watch "$@")
	local changed backend config
	umask 077
	config=$(cat)
	# First, so that a host that cannot carry the mesh is left as it is.
	backend=$(backend)
	# Through a pipe: a here string may become a file, and this holds keys.
	free_port "$(printf '%s\n' "$config" | sed -n 's/^ListenPort = //p')"
	mkdir -p "$dir"
	# Whether these changed does not matter: what follows is cheap, and repairs
	# what somebody broke.
	printf '%s\n' "$config" | install_file 600 "$dir/$device.conf" >/dev/null
	printf 'address=%s\nmtu=%s\nroutes=%s\n' "$address" "$mtu" "$routes" | install_file 600 "$dir/link" >/dev/null
	wg-quick strip "$dir/$device.conf" >/dev/null || die "the mesh config cannot be read"
	mkdir -p "${self%/*}"
	ln -sfn "$(readlink -f -- "$0")" "$self"
	networkd "$backend"
	changed=$(unit_text "$backend" | install_file 644 "$unit")
	changed+=$(order_text | install_file 644 "$docker_order")
	[ -z "$changed" ] || systemctl daemon-reload
	systemctl -q enable skep-mesh.service
	[ -z "$watch" ] || bash "$watch" apply </dev/null >&2
	# A running mesh is changed in place: a restart would drop every tunnel.
	systemctl start skep-mesh.service || die "wg0 does not come up; see: journalctl -u skep-mesh"
	do_up
	printf '%s\n' "$backend"
}

# free_port PORT ends where something else has it: WireGuard would hear nothing.
free_port() {
	local taken
	[ "$(wg show "$device" listen-port 2>/dev/null)" != "$1" ] || return 0
	taken=$(ss -Hlunp "sport = :$1" | tr -s ' ' | head -n1)
	[ -z "$taken" ] || die "UDP port $1, which the mesh is to have, is in use here: $taken. Stop that, or set skep:mesh.port to another"
}

# backend: what carries wg0. The probe makes a device, since a module that is
# there but cannot be loaded says nothing until then. A slow mesh is not to be
# had by accident: userspace is for kernels that cannot have WireGuard.
backend() {
	local why
	if ip link add skepprobe type wireguard 2>/dev/null; then
		ip link del skepprobe
		echo kernel
		return
	fi
	why=$(could_have)
	if [ -n "$why" ] && [ "$userspace" != allow ]; then
		die "this kernel does not carry WireGuard, but could: $why. Try modprobe wireguard, or boot the kernel that is installed; to run the mesh in userspace all the same, which is slower, set skep:mesh.userspace to allow"
	fi
	command -v wireguard-go >/dev/null ||
		die "this kernel has no WireGuard and wireguard-go is not installed: apt-get install wireguard-go"
	echo userspace
}

# could_have says why this machine's kernel could have WireGuard, or nothing.
# A container gets no modules but those of the machine that it runs on.
could_have() {
	local release module
	release=$(uname -r)
	module=$(find "$root/lib/modules/$release/" -name 'wireguard.ko*' 2>/dev/null | head -n1)
	if [ -n "$module" ]; then
		printf '%s is there but cannot be loaded' "$module"
	elif ! systemd-detect-virt --quiet --container; then
		printf 'this is no container, and Linux has WireGuard since 5.6 (this is %s)' "$release"
	fi
}

# networkd writes what systemd-networkd reads at boot. Live changes never go
# through it: its reload ignores changed peers before version 257 and drops all
# of them since (systemd#25547, #38196).
networkd() {
	if [ "$1" != kernel ]; then
		rm -f "$netdev" "$network"
		return
	fi
	(umask 022 && mkdir -p "${manners%/*}" "${netdev%/*}") # networkd is not root
	# Where nothing else uses networkd, it must not take to tidying up what is
	# not its own. Where something does, its settings are not ours.
	if [ ! -e "$manners" ] && ! systemctl -q is-active systemd-networkd.service; then
		printf '# Made by Skep.\n[Network]\nManageForeignRoutes=no\nManageForeignRoutingPolicyRules=no\n' |
			install_file 644 "$manners" >/dev/null
	fi
	netdev_text | install_file 640 "$netdev" >/dev/null
	# It holds the keys.
	chgrp systemd-network "$netdev" || die "cannot give $netdev to systemd-networkd"
	network_text | install_file 644 "$network" >/dev/null
	# A networkd that runs already reads new files only when told to reload all
	# of them, those of others too. So the first device is made without it.
	if systemctl -q is-active systemd-networkd.service && ! ip link show "$device" >/dev/null 2>&1; then
		ip link add "$device" type wireguard
	fi
}

# netdev_text: the keys of a .netdev file are those of wg; the headings are not.
netdev_text() {
	printf '# Made by Skep.\n[NetDev]\nName=%s\nKind=wireguard\nMTUBytes=%s\n\n' "$device" "$mtu"
	sed -e 's/^\[Interface\]/[WireGuard]/' -e 's/^\[Peer\]/[WireGuardPeer]/' "$dir/$device.conf"
}

network_text() {
	cat <<-END
		# Made by Skep.
		[Match]
		Name=$device

		[Link]
		MTUBytes=$mtu
		RequiredForOnline=no

		[Network]
		Address=$address
		LinkLocalAddressing=no
		IPv6AcceptRA=no
	END
	local range
	for range in ${routes//,/ }; do printf '\n[Route]\nDestination=%s\n' "$range"; done
}

unit_text() {
	local networkd=''
	[ "$1" != kernel ] || networkd=' systemd-networkd.service'
	cat <<-END
		# Made by Skep.
		[Unit]
		Description=Mesh of the swarm (WireGuard $device, $1)
		Wants=network-online.target$networkd
		After=network-online.target$networkd
		Before=docker.service
		[Service]
	END
	if [ "$1" = kernel ]; then
		cat <<-END
			Type=oneshot
			RemainAfterExit=yes
			ExecStart=/bin/bash $self up
			ExecStop=/usr/sbin/ip link del $device
		END
	else
		cat <<-END
			Type=simple
			Environment=WG_PROCESS_FOREGROUND=1
			ExecStart=$(command -v wireguard-go) $device
			ExecStartPost=/bin/bash $self up
			Restart=always
			RestartSec=1
			TasksMax=256
		END
	fi
	printf '[Install]\nWantedBy=multi-user.target\n'
}

# order_text makes Docker wait for the mesh: a swarm whose address is missing
# at its start may stay in error until the next one (moby#30190). Not Requires=,
# by which a crash of wireguard-go would take every container with it.
order_text() {
	printf '[Unit]\nWants=skep-mesh.service\nAfter=skep-mesh.service\n'
	printf '[Service]\nExecStartPre=/bin/bash %s wait\n' "$self"
}

# do_up brings the device to what is on disk, at boot and live.
do_up() {
	local before
	recall
	device_there
	before=$(wg show "$device" public-key && wg show "$device" peers)
	configure
	ip link set "$device" mtu "$mtu" up
	ip -4 addr replace "$address" dev "$device"
	ip -4 -o addr show dev "$device" | while read -r _ _ _ have _; do
		[ "$have" = "$address" ] || ip addr del "$have" dev "$device"
	done
	route
	greet "$before"
}

# configure changes only what differs, so no other peer notices. syncconf tells
# the port each time, and wireguard-go then opens its socket anew, the same port
# or not: what arrives in between is lost. So where it has the port already, the
# peers are set one by one.
configure() {
	local key
	if [ -e "$netdev" ] || [ "$(wg show "$device" listen-port)" != "$(sed -n 's/^ListenPort = //p' "$dir/$device.conf")" ]; then
		wg syncconf "$device" "$dir/$device.conf"
		return
	fi
	wg show "$device" peers | while read -r key; do
		grep -qxF "PublicKey = $key" "$dir/$device.conf" || wg set "$device" peer "$key" remove
	done
	# What is not said of a peer stays as it is, and keepalives may have been said.
	sed -e '/^ListenPort = /d' -e 's/^\[Peer\]$/&\nPersistentKeepalive = off/' "$dir/$device.conf" | wg addconf "$device" /dev/stdin
}

# route sends the networks behind peers into the tunnel, and no other.
route() {
	local range
	for range in ${routes//,/ }; do ip -4 route replace "$range" dev "$device" proto static; done
	ip -4 -o route show dev "$device" proto static | while read -r range _; do
		[[ ,$routes, == *",$range,"* ]] || ip -4 route del "$range" dev "$device" proto static
	done
}

# device_there waits for whoever makes the device: wireguard-go, or networkd.
# That one may be broken; the mesh is not to depend on it.
device_there() {
	if [ -e "$netdev" ] && ! (wait_until 5 "systemd-networkd to make $device" wg show "$device"); then
		log "making $device without it"
		ip link add "$device" type wireguard
	fi
	wait_until 15 "device $device" wg show "$device"
}

# greet sends a packet to each peer whose session is new to this side. Of two
# ends that get a new key one is last, and its greeting is answered; without
# it, the first end's next try comes 5 s later.
greet() {
	local own key ranges
	own=$(wg show "$device" public-key)
	wg show "$device" allowed-ips | while read -r key ranges; do
		if [[ $1 != *"$key"* || $1 != *"$own"* ]]; then
			# Port 9 discards; a peer without an endpoint cannot be greeted.
			(echo >"/dev/udp/${ranges%%/*}/9") 2>/dev/null || true
		fi
	done
}

has_address() { ip -4 -o addr show dev "$device" 2>/dev/null | grep -qwF "$address"; }

do_wait() { recall && wait_until 45 "address $address on $device" has_address; }

do_check() {
	recall
	systemctl -q is-active skep-mesh.service || die "skep-mesh.service is not running"
	has_address || die "$device has not the address $address"
	cmp -s <(wg showconf "$device" | grep -c '^\[Peer\]') <(grep -c '^\[Peer\]' "$dir/$device.conf") || die "$device has other peers than it should"
	narrow
}

# narrow warns of peers that answer, but not to packets of the tunnel's size.
narrow() {
	local ranges peer
	while read -r _ ranges; do
		peer=${ranges%%/*}
		if answers "$peer" 56 && ! answers "$peer" $((mtu - 28)); then
			log "warning: the path to $peer does not carry $mtu bytes; scripts/mesh --measure tells the MTU that fits"
		fi
	done < <(wg show "$device" allowed-ips)
}

answers() { ping -n -q -c 2 -i 0.2 -W 1 -M "do" -s "$2" "$1" >/dev/null 2>&1; }

do_undo() {
	systemctl -q disable --now skep-mesh.service 2>/dev/null || true
	ip link del "$device" 2>/dev/null || true
	# Ours, so networkd ran for the mesh alone.
	[ ! -e "$manners" ] || systemctl -q stop systemd-networkd.socket systemd-networkd.service 2>/dev/null || true
	rm -f "$unit" "$docker_order" "$self" "$netdev" "$network" "$manners"
	rm -rf "$dir"
	systemctl daemon-reload
}

dispatch "$@"
