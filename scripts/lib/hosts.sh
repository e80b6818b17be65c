# shellcheck shell=bash
# Asks all hosts of a stack at once, and one by one. Sourced, never run, after
# ssh.sh. A script that sources it has `trap clean_up EXIT`.

# shellcheck disable=SC2034 # variables are the caller's and ssh.sh's

# A host that does not answer must not hold up what the others say.
ssh_options=(-o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=5 -o LogLevel=ERROR)
folder='' agent='' hosts=() arguments=()

clean_up() {
	[[ -z "$folder" ]] || rm -rf "$folder"
	[[ -z "$agent" ]] || ssh-agent -k >/dev/null
}

# load_key puts the stack's own key, if it has one, into an agent that lives as
# long as the script.
load_key() {
	query -e '.sshPrivateKey // "" | length > 0' >/dev/null || return 0
	eval "$(ssh-agent -s)" >/dev/null
	agent=1
	query -r .sshPrivateKey | ssh-add -q -
}

# as_root HOST SECONDS COMMAND… puts the command line that runs COMMAND there as
# root, for that long at most, into $command_line.
as_root() {
	local host="$1" limit="$2" front=(sudo -n)
	shift 2
	[[ "$(host_field "$host" user)" != root ]] || front=()
	ssh_command "$host" "${front[@]}" timeout --kill-after=5 "$limit" "$@"
	command_line=(timeout --kill-after=5 $((limit + 30)) "${command_line[@]}")
}

# arguments_of HOST may be defined anew by the caller: what a probe is told.
arguments_of() { arguments=(); }

# probe_all FILE runs FILE as root on every one of $hosts at once. What host H
# says goes to the files H and H.err in $folder; who failed is in .failed.
probe_all() {
	local host command_line running=()
	rm -f "$folder/.failed"
	for host in "${hosts[@]}"; do
		arguments_of "$host"
		as_root "$host" 60 bash -s -- "${arguments[@]}"
		"${command_line[@]}" <"$1" >"$folder/$host" 2>"$folder/$host.err" &
		running+=("$!")
	done
	for i in "${!hosts[@]}"; do
		wait "${running[i]}" || echo "${hosts[i]}" >>"$folder/.failed"
	done
}

failed() { grep -qx "$1" "$folder/.failed" 2>/dev/null; }

# why HOST prints what its probe said when it failed, in one line.
why() { tr -s '\t\r\n' ' ' <"$folder/$1.err" | cut -c1-200; }
