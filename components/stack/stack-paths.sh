# shellcheck shell=bash
# Whether containers on this host could speak to those on others. Sourced,
# never run.

: "${root?}" "${work=}"

# paths_open ends where a host answers, but not to packets as large as the
# network between hosts is said to carry: overlays make them as large, and what
# containers say to one another would get lost without a word. A host that does
# not answer at all is dead, and the swarm will find out.
paths_open() {
	local address name
	ask nodes >"$work/nodes.json"
	: >"$work/narrow"
	while read -r address name; do
		{ if narrow "$address"; then printf '%s\n' "$name" >>"$work/narrow"; fi; } &
	done < <(jq -r '.[] | select(.Status.State == "ready" and (.Status.Addr // "") != "") | "\(.Status.Addr) \(.Description.Hostname)"' "$work/nodes.json")
	wait
	[ ! -s "$work/narrow" ] ||
		die "nothing was deployed: between $(uname -n) and $(sort "$work/narrow" | xargs) small packets pass and large ones do not, so that services would hang; scripts/mesh tells more, and scripts/mesh --measure the MTU that fits"
}

narrow() {
	local device mtu
	device=$(ip -o route get "$1" 2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p')
	if [ -z "$device" ] || [ "$device" = lo ]; then return 1; fi
	mtu=$(cat "$root/sys/class/net/$device/mtu") || return 1
	answers "$1" 56 && ! answers "$1" $((mtu - 28))
}

# answers ADDRESS BYTES: to one of three pings.
answers() {
	local try
	for try in 1 2 3; do
		if ping -n -q -c 1 -W "$try" -M "do" -s "$2" "$1" >/dev/null 2>&1; then return 0; fi
	done
	return 1
}
