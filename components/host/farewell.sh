#!/usr/bin/env bash
# Runs on the operator's machine when a machine that exists on is taken out of
# config: asks it to undo what Skep did. A machine that cannot be reached is
# left alone after a bounded wait; its removal must not hang on it.
#
# Usage: farewell.sh USER ADDRESS PORT HOSTKEY   (the SSH key comes on stdin)
set -euo pipefail

usage() { sed -n '2,/^set/{s/^# \{0,1\}//;/^set/d;p}' "$0"; }

known=''
trap 'rm -f "$known"; ssh-agent -k >/dev/null 2>&1 || true' EXIT

main() {
	case ${1:-} in --help | -h)
		usage
		exit 0
		;;
	esac
	[ $# -eq 4 ] || {
		usage >&2
		exit 2
	}
	local user=$1 address=$2 port=$3 hostkey=$4 root=''
	[ "$user" = root ] || root='sudo -n '
	known=$(mktemp)
	# The key goes from stdin into an agent of its own and touches no disk.
	eval "$(ssh-agent -s)" >/dev/null
	# The newline is for a key whose last one got lost on its way through config:
	# OpenSSH does not read such a key.
	{ cat && echo; } | ssh-add -q - 2>/dev/null || {
		echo "farewell: the SSH key cannot be read; $address keeps what Skep put there" >&2
		exit 0
	}
	# An alias, since known_hosts writes port 22 in another form than the rest.
	printf 'machine %s\n' "$hostkey" >"$known"
	if ! timeout --kill-after=5 120 ssh -F none -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=5 \
		-o HostKeyAlias=machine -o StrictHostKeyChecking=yes -o UserKnownHostsFile="$known" -o GlobalKnownHostsFile=/dev/null \
		-p "$port" "$user@$address" "${root}bash /usr/local/lib/skep/undo undo" </dev/null >/dev/null; then
		echo "farewell: $address did not answer or did not finish; if it comes back, run there: ${root}bash /usr/local/lib/skep/undo undo" >&2
	fi
}

main "$@"
