# shellcheck shell=bash
# What scripts/mesh --measure runs on each host, as root. Arguments: NAME=ADDRESS
# of every other host. Prints, for each, in one line with tabs between: name, the
# endpoint that the tunnel dials, the largest packet that gets there whole
# outside of the tunnel, and what of it is left inside; "-" for what is not known.
set -uo pipefail
export LC_ALL=C
device=wg0

fail() {
	printf '%s\n' "$*" >&2
	exit 1
}

# passes ADDRESS BYTES HEADERS: whether a packet of that size gets there and back
# whole.
passes() { ping -n -q -c 2 -i 0.2 -W 1 -M "do" -s $(($2 - $3)) "$1" >/dev/null 2>&1; }

# largest ADDRESS HEADERS searches between what every link must take (RFC 8200)
# and what this host's own link does.
largest() {
	local low=1280 high middle link
	link=$(ip -o route get "$1" 2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p')
	high=$(cat "${SKEP_ROOT:-}/sys/class/net/$link/mtu" 2>/dev/null) || return 1
	passes "$1" "$low" "$2" || return 1
	if ((high <= low)) || passes "$1" "$high" "$2"; then
		echo "$high"
		return
	fi
	while ((high - low > 1)); do
		middle=$(((low + high) / 2))
		if passes "$1" "$middle" "$2"; then low=$middle; else high=$middle; fi
	done
	echo "$low"
}

# measure: WireGuard's own is 32 bytes and 8 of UDP, beside 20 of IPv4 or 40 of
# IPv6; a ping has 8, beside those.
measure() {
	local name=${1%%=*} address=${1#*=} key endpoint ip=20 path
	key=$(wg show "$device" allowed-ips | awk -v range="$address/32" '$2 == range { print $1 }')
	endpoint=$(wg show "$device" endpoints | awk -v key="$key" '$1 == key { print $2 }')
	endpoint=${endpoint%:*}
	if [[ $endpoint == \[* ]]; then
		ip=40 endpoint=${endpoint#[}
		endpoint=${endpoint%]}
	fi
	if [[ ${endpoint:-(none)} == "(none)" ]]; then
		printf '%s\t-\t-\t-\n' "$name"
	elif path=$(largest "$endpoint" $((ip + 8))); then
		printf '%s\t%s\t%s\t%s\n' "$name" "$endpoint" "$path" $((path - ip - 40))
	else
		printf '%s\t%s\t-\t-\n' "$name" "$endpoint"
	fi
}

command -v ping >/dev/null || fail "no ping on this host: apt-get install iputils-ping"
wg show "$device" >/dev/null 2>&1 || fail "there is no $device; see: systemctl status skep-mesh"
for peer in "$@"; do measure "$peer" & done
wait
