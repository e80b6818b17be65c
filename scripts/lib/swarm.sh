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
