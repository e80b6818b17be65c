# shellcheck shell=bash
# What hosts say of the swarm. Sourced, never run, after hosts.sh.

# shellcheck disable=SC2016 # single quotes hold jq programs

: "${here:?}" "${stack:=}" "${outputs:=}"

# ask_hosts asks every host of the stack; $said is what they say, by name, and
# $unreached why others do not.
said='{}' unreached='{}'
ask_hosts() {
	local host
	mapfile -t hosts < <(query -r '.hosts // {} | keys[]')
	((${#hosts[@]})) || die "stack \"$stack\" has no hosts"
	[[ -n "$folder" ]] || folder="$(mktemp -d)"
	probe_all "$here/lib/nodes-probe.sh"
	said='{}' unreached='{}'
	for host in "${hosts[@]}"; do
		if failed "$host"; then
			unreached="$(jq -c --arg host "$host" --arg why "$(why "$host")" '.[$host] = ($why | rtrimstr(" "))' <<<"$unreached")"
		else
			said="$(jq -c --arg host "$host" --slurpfile own "$folder/$host" '.[$host] = $own[0]' <<<"$said")"
		fi
	done
}

# judged prints all of what ask_hosts got as JSON, judged by nodes.jq.
judged() {
	query 'del(.sshPrivateKey, .unlockKey, .peers)' |
		jq -n --argjson said "$said" --argjson why "$unreached" --slurpfile outputs /dev/stdin '$outputs[0] as $stack | '"$(<"$here/lib/nodes.jq")"
}

# others_ill HOST prints what is wrong with the swarm and with nodes other than
# HOST, a line each.
others_ill() {
	judged | jq -r --arg host "$1" '.faults[], (.nodes[] | select(.name != $host and .faults != []) | "\(.name): \(.faults | join("; "))")'
}

# speaker [HOST] prints a manager that speaks for the swarm, not HOST, after
# ask_hosts.
speaker() {
	jq -r --arg not "${1:-}" 'first(to_entries[] | select(.key != $not and .value.nodes != null) | .key) // empty' <<<"$said"
}
