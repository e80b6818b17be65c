# shellcheck shell=bash
# What scripts/mesh runs on each host, as root. Arguments: NAME=ADDRESS of every
# other host. Prints, for each, in one line with tabs between: name, seconds
# since the last handshake, loss in percent, mean round trip in ms, the largest
# packet that passes and the tunnel's MTU, in bytes; "-" for what is not there.
set -uo pipefail
export LC_ALL=C
device=wg0
count=10 # pings to each, 0.2 s apart

fail() {
	printf '%s\n' "$*" >&2
	exit 1
}

# passes ADDRESS BYTES: whether a packet of that size gets there and back whole.
# 28 bytes of it are the headers of IP and ICMP.
passes() { ping -n -q -c 2 -i 0.2 -W 1 -M "do" -s $(($2 - 28)) "$1" >/dev/null 2>&1; }

# largest ADDRESS searches between what every host must take (RFC 791) and the
# tunnel's MTU, which on a healthy path passes at the first try.
largest() {
	local low=576 high=$mtu middle
	if passes "$1" "$mtu"; then
		echo "$mtu"
		return
	fi
	passes "$1" "$low" || {
		echo -
		return
	}
	while ((high - low > 1)); do
		middle=$(((low + high) / 2))
		if passes "$1" "$middle"; then low=$middle; else high=$middle; fi
	done
	echo "$low"
}

# handshake ADDRESS prints how long ago the tunnel's last one was. The keys of a
# peer and its times stand in two lists.
handshake() {
	local key last
	key=$(wg show "$device" allowed-ips | awk -v range="$1/32" '$2 == range { print $1 }')
	last=$(wg show "$device" latest-handshakes | awk -v key="$key" '$1 == key { print $2 }')
	if [[ ${last:-0} == 0 ]]; then echo -; else echo $(($(date +%s) - last)); fi
}

measure() {
	local name=${1%%=*} address=${1#*=} loss rtt size=-
	read -r loss rtt < <(ping -n -q -c "$count" -i 0.2 -W 1 "$address" 2>/dev/null | awk '
		/packet loss/ { for (i = 1; i <= NF; i++) if ($i ~ /%/) loss = $i + 0 }
		/min\/avg/ { split($4, part, "/"); rtt = part[2] }
		END { print (loss == "" ? 100 : loss), (rtt == "" ? "-" : rtt) }')
	((${loss%%.*} == 100)) || size=$(largest "$address")
	# After the pings, which start a handshake where one is due.
	printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "$(handshake "$address")" "$loss" "$rtt" "$size" "$mtu"
}

command -v ping >/dev/null || fail "no ping on this host: apt-get install iputils-ping"
mtu=$(cat "${SKEP_ROOT:-}/sys/class/net/$device/mtu" 2>/dev/null) || fail "there is no $device; see: systemctl status skep-mesh"
for peer in "$@"; do measure "$peer" & done
wait
