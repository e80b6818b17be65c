#!/usr/bin/env bash
# Keeps wg0 up with the config on stdin (the form of `wg setconf`), in the
# kernel where it has WireGuard and in a process of wireguard-go where not.
# Options: --address ADDRESS/BITS, --mtu BYTES.
# shellcheck source-path=SCRIPTDIR/../host source=../host/prelude.sh
. "${0%/*}/prelude.sh"

device=wg0
dir=/etc/skep/mesh
unit=/etc/systemd/system/skep-mesh.service
docker_order=/etc/systemd/system/docker.service.d/10-skep-mesh.conf
# A fixed name for units, so that a new version of this script restarts nothing.
self=/usr/local/lib/skep/mesh-up

options() {
	address='' mtu=''
	while [ $# -gt 0 ]; do
		case $1 in
		--address) address=$2 ;;
		--mtu) mtu=$2 ;;
		*) die "unknown option $1" ;;
		esac
		shift 2
	done
}

do_apply() {
	options "$@"
	local changed
	umask 077
	mkdir -p "$dir"
	# Whether these changed does not matter: what follows is cheap, and repairs
	# what somebody broke.
	install_file 600 "$dir/$device.conf" >/dev/null
	printf 'address=%s\nmtu=%s\n' "$address" "$mtu" | install_file 600 "$dir/link" >/dev/null
	wg-quick strip "$dir/$device.conf" >/dev/null || die "the mesh config cannot be read"
	ln -sfn "$(readlink -f -- "$0")" "$self"
	changed=$(unit_text "$(backend)" | install_file 644 "$unit")
	changed+=$(order_text | install_file 644 "$docker_order")
	[ -z "$changed" ] || systemctl daemon-reload
	systemctl -q enable skep-mesh.service
	# A running mesh is changed in place: a restart would drop every tunnel.
	systemctl start skep-mesh.service || die "wg0 does not come up; see: journalctl -u skep-mesh"
	do_up
}

# backend: what carries wg0. The probe makes a device, since a module that is
# there but cannot be loaded says nothing until then.
backend() {
	if ip link add skepprobe type wireguard 2>/dev/null; then
		ip link del skepprobe
		echo kernel
	elif command -v wireguard-go >/dev/null; then
		echo userspace
	else
		die "this kernel has no WireGuard and wireguard-go is not installed: apt-get install wireguard-go"
	fi
}

unit_text() {
	cat <<-END
		# Made by Skep.
		[Unit]
		Description=Mesh of the swarm (WireGuard $device, $1)
		Wants=network-online.target
		After=network-online.target
		Before=docker.service
		[Service]
	END
	if [ "$1" = kernel ]; then
		cat <<-END
			Type=oneshot
			RemainAfterExit=yes
			ExecStart=/bin/sh -c 'ip link show $device >/dev/null 2>&1 || ip link add $device type wireguard'
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
# at its start may stay in error until the next one (moby#30190).
order_text() {
	printf '[Unit]\nWants=skep-mesh.service\nAfter=skep-mesh.service\n'
}

# do_up brings the device to what is on disk, at boot and live. syncconf
# changes only what differs, so no other peer notices.
do_up() {
	local address mtu
	# shellcheck source=/dev/null # two lines that do_apply wrote
	. "$dir/link"
	wait_until 15 "device $device" wg show "$device"
	wg syncconf "$device" "$dir/$device.conf"
	ip link set "$device" mtu "$mtu" up
	ip -4 addr replace "$address" dev "$device"
	ip -4 -o addr show dev "$device" | while read -r _ _ _ have _; do
		[ "$have" = "$address" ] || ip addr del "$have" dev "$device"
	done
}

do_check() {
	options "$@"
	systemctl -q is-active skep-mesh.service || die "skep-mesh.service is not running"
	ip -4 -o addr show dev "$device" | grep -qw "$address" || die "$device has not the address $address"
	cmp -s <(wg showconf "$device" | grep -c '^\[Peer\]') <(grep -c '^\[Peer\]' "$dir/$device.conf") || die "$device has other peers than it should"
}

do_undo() {
	systemctl -q disable --now skep-mesh.service 2>/dev/null || true
	ip link del "$device" 2>/dev/null || true
	rm -f "$unit" "$docker_order" "$self"
	rm -rf "$dir"
	systemctl daemon-reload
}

dispatch "$@"
