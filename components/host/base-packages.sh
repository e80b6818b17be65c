#!/usr/bin/env bash
# Installs the programs that everything else calls, and touches none that is
# there. The engine's packages are base-engine.sh's.
# shellcheck source-path=SCRIPTDIR source=prelude.sh
. "${0%/*}/prelude.sh"

# program:package
tools=(jq:jq curl:curl wg:wireguard-tools nft:nftables ip:iproute2 sysctl:procps
	unattended-upgrade:unattended-upgrades)

# missing prints the packages to install, one per line.
missing() {
	local tool
	for tool in "${tools[@]}"; do
		command -v "${tool%%:*}" >/dev/null || printf '%s\n' "${tool##*:}"
	done
	[ -s "$root/etc/ssl/certs/ca-certificates.crt" ] || echo ca-certificates
	time_keeper || echo systemd-timesyncd
}

# time_keeper says whether something is there that keeps the clock.
time_keeper() {
	command -v chronyd >/dev/null || command -v ntpd >/dev/null || [ -e "$root/usr/lib/systemd/systemd-timesyncd" ]
}

do_apply() {
	local need
	mapfile -t need < <(missing)
	[ ${#need[@]} -gt 0 ] || return 0
	log "installing ${need[*]}"
	apt_get update
	apt_get install -y --no-install-recommends "${need[@]}"
}

do_check() {
	local package
	while read -r package; do fault "$package is not installed"; done < <(missing)
}

# Packages stay: what else uses them is not ours to know.
do_undo() { :; }

dispatch "$@"
