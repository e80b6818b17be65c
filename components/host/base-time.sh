#!/usr/bin/env bash
# Keeps the clock, with what is there: chrony, ntpd, or systemd-timesyncd. Keys,
# certificates and the swarm's raft log all go by it.
# shellcheck source-path=SCRIPTDIR source=prelude.sh
. "${0%/*}/prelude.sh"

mark=$root/etc/skep/enabled-timesyncd

# keeper prints the unit that keeps the clock, and fails when there is none.
keeper() {
	local unit
	for unit in chrony.service ntpsec.service ntp.service systemd-timesyncd.service; do
		if systemctl -q is-enabled "$unit" >/dev/null 2>&1; then
			printf '%s' "$unit"
			return 0
		fi
	done
	return 1
}

do_apply() {
	local unit
	if ! unit=$(keeper); then
		unit=systemd-timesyncd.service
		systemctl -q enable "$unit"
		install_file 600 "$mark" </dev/null >/dev/null
	fi
	# In a container, whose clock is its machine's, systemd passes over it.
	systemctl start "$unit"
}

do_check() {
	local unit
	if ! unit=$(keeper); then
		fault "nothing is enabled that keeps the clock"
	elif ! systemctl -q is-active "$unit" && [ "$(systemctl show -p ConditionResult --value "$unit")" != no ]; then
		fault "$unit does not run"
	fi
}

do_undo() {
	[ -e "$mark" ] || return 0
	systemctl -q disable --now systemd-timesyncd.service
	rm -f "$mark"
}

dispatch "$@"
