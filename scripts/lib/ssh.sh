# shellcheck shell=bash
# How to log in to a stack's hosts. Sourced, never run, after stack.sh.

# shellcheck disable=SC2016,SC2034 # single quotes hold jq programs; variables are the caller's

: "${stack:=}" "${known_hosts:=}"

# host_field HOST FIELD prints one value of a host's output.
host_field() { query -r --arg host "$1" --arg field "$2" '.hosts[$host][$field] // empty'; }

# ssh_command HOST [COMMAND…] puts the command line of ssh into $command_line;
# options of the caller's own may stand in $ssh_options.
ssh_options=()
ssh_command() {
	local host="$1" known address
	shift
	address="$(host_field "$host" publicAddress)"
	if [[ -z "$address" ]]; then
		known="$(query -r '.hosts // {} | keys | join(", ")')"
		die "no host \"$host\" in stack \"$stack\"; it has: ${known:-none}"
	fi
	[[ -n "$(host_field "$host" hostKey)" ]] ||
		die "stack \"$stack\" knows no host key of \"$host\": run pulumi up, which pins it"
	pin_host_keys
	command_line=(ssh "${ssh_options[@]}"
		-o "UserKnownHostsFile=\"$known_hosts\"" -o GlobalKnownHostsFile=/dev/null
		-o "HostKeyAlias=$host" -o StrictHostKeyChecking=yes -o UpdateHostKeys=no
		-p "$(host_field "$host" port | grep . || echo 22)" -l "$(host_field "$host" user)"
		-- "$address" "$@")
}
