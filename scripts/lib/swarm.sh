# shellcheck shell=bash
# Does to the swarm, through a manager, what its own host scripts do. Sourced,
# never run, after nodes.sh.

: "${root:?}"

# in_swarm HOST SECONDS TEXT runs TEXT on the host with the functions of the
# scripts that settle the swarm. It says what it does on standard error.
in_swarm() {
	local command_line text="$3"
	as_root "$1" "$2" bash -s
	{
		cat "$root/components/host/prelude.sh" "$root/components/swarm/swarm-settle-nodes.sh" "$root/components/swarm/swarm-settle-tasks.sh"
		# All of it is read before any of it runs: what runs may read the rest.
		printf 'BASH_ARGV0=swarm\nmain() {\n%s\n}\nmain </dev/null\nexit\n' "$text"
	} | "${command_line[@]}"
}

# confirm QUESTION WORD goes on where WORD is typed, or with --yes ($yes).
confirm() {
	local answer=''
	[[ -z "${yes:-}" ]] || return 0
	[[ -t 0 ]] || die "it asks before it acts: answer, or give --yes"
	read -r -p "$1 " answer
	[[ "$answer" == "$2" ]] || die "nothing was changed"
}

# unlock HOST gives it the key of the swarm's lock where it waits for one, and
# waits until it is in.
unlock() {
	local host="$1" state command_line
	as_root "$host" 30 docker info --format '"{{.Swarm.LocalNodeState}}"'
	state="$("${command_line[@]}" </dev/null)" || {
		say "$host: not reached, or its engine does not answer"
		return 1
	}
	if [[ "$state" != locked ]]; then
		say "$host: not locked ($state)"
		return
	fi
	as_root "$host" 90 docker swarm unlock
	query -r .unlockKey | "${command_line[@]}" >/dev/null || {
		say "$host: the key was refused. Was it changed by hand? pulumi up --replace '**swarm-settle' reads it anew"
		return 1
	}
	as_root "$host" 90 "sh -c 'until docker node ls >/dev/null 2>&1; do sleep 0.5; done'"
	"${command_line[@]}" </dev/null || {
		say "$host: unlocked, but it does not reach the other managers; scripts/nodes tells more"
		return 1
	}
	say "$host: unlocked"
}
