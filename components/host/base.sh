#!/usr/bin/env bash
# Makes a machine ready by the scripts that --part names: applies them in their
# order, undoes them in reverse, and checks them all, telling every fault.
# Without options, check and undo take those of the last apply.
# Options: --part PATH (for each script), --firewall PATH, --undo PATH, and what the parts read.
# shellcheck source-path=SCRIPTDIR source=prelude.sh
. "$(dirname -- "$(readlink -f -- "$0")")/prelude.sh"

settings=$root/etc/skep/base
toolbox=$root/usr/local/lib/skep

# options sorts the words into parts=(), undo and what goes on to the parts.
options() {
	parts=() words=() undo='' firewall=''
	while [ $# -gt 0 ]; do
		[ $# -gt 1 ] || die "option $1 has no value"
		case $1 in
		--part) parts+=("$2") ;;
		--firewall) firewall=$2 ;;
		--undo) undo=$2 ;;
		--*) words+=("$1" "$2") ;;
		*) die "unknown option $1" ;;
		esac
		shift 2
	done
	[ ${#parts[@]} -gt 0 ] || die "no --part is named"
}

# recall is options with those of the last apply where there are none.
recall() {
	local saved=()
	if [ $# -eq 0 ]; then
		[ -s "$settings" ] || die "nothing was applied here: $settings is missing"
		eval "saved=($(cat "$settings"))" # what remember quoted
		set -- "${saved[@]}"
	fi
	options "$@"
}

remember() { printf '%q ' "$@" | install_file 600 "$settings" >/dev/null; }

# name_of PART: base-ssh for /usr/local/lib/skep/base-ssh-0123456789.sh.
name_of() {
	local name=${1##*/}
	printf '%s' "${name%-*}"
}

# supported refuses, before anything changes, a machine that the parts were not
# written for.
supported() {
	local about=${PRETTY_NAME:-$(uname -s)} ID='' VERSION_ID=''
	if [ -r "$root/etc/os-release" ]; then
		# shellcheck source=/dev/null # the distribution's
		. "$root/etc/os-release"
		about=${PRETTY_NAME:-$ID}
	fi
	local need="need Debian 12 or newer, Ubuntu 22.04 or newer, or what derives from them"
	command -v apt-get >/dev/null || die "this machine runs $about, without apt: $need"
	[ -d "$root/run/systemd/system" ] || die "this machine runs $about, but not under systemd: $need"
	case $ID in
	debian) [ "${VERSION_ID%%.*}" -ge 12 ] 2>/dev/null || [ -z "$VERSION_ID" ] || die "this machine runs $about: $need" ;;
	ubuntu) [ "${VERSION_ID%%.*}" -ge 22 ] 2>/dev/null || die "this machine runs $about: $need" ;;
	esac
}

# vacant refuses, before anything changes, a machine where somebody else has what
# Skep is about to make. Only before the first apply: later all of it is Skep's.
vacant() {
	local port use
	[ ! -e "$settings" ] || return 0
	if command -v docker >/dev/null && [ "$(docker info --format '{{.Swarm.LocalNodeState}}' 2>/dev/null)" = active ]; then
		die "this machine is in a swarm already, which is not Skep's: take it out (docker swarm leave), then run pulumi up again"
	fi
	command -v ss >/dev/null || return 0
	port=$(option ssh-port "$@")
	[ -z "$port" ] || [ -n "$(listeners tcp "$port")" ] ||
		die "nothing here listens on TCP port $port, by which config says that SSH comes in (is it forwarded from elsewhere?): the firewall would open the wrong port; let sshd listen on it"
	port=$(option mesh-port "$@")
	if [ -n "$port" ] && ip link show wg0 >/dev/null 2>&1; then
		die "this machine has a device wg0 already, which is not Skep's: give that one another name"
	fi
	for use in ${port:+"udp $port the mesh (skep:mesh.port is another choice)"} "tcp 2377 Swarm" "tcp 7946 Swarm" "udp 7946 Swarm" "udp 4789 Swarm"; do
		# shellcheck disable=SC2086 # its words
		free $use
	done
}

# listeners PROTOCOL PORT prints the sockets that are bound to it.
listeners() { ss -H -l -n -p "--$1" "sport = :$2"; }

# free PROTOCOL PORT WHAT... refuses a machine where the port is in use.
free() {
	local found who
	found=$(listeners "$1" "$2")
	[ -n "$found" ] || return 0
	who=$(sed -n 's/.*users:(("\([^"]*\)".*/\1/p' <<<"$found" | head -n1)
	die "${1^^} port $2 is taken by ${who:-the kernel}, and ${*:3} needs it: end that first"
}

do_apply() {
	options "$@"
	supported
	vacant "$@"
	umask 077
	remember "$@"
	mkdir -p "$toolbox"
	[ -z "$undo" ] || ln -sfn "$undo" "$toolbox/undo"
	[ -z "$firewall" ] || ln -sfn "$firewall" "$toolbox/firewall"
	ln -sfn "$(readlink -f -- "$0")" "$toolbox/base"
	umask 022
	local part
	for part in "${parts[@]}"; do
		bash "$part" apply "${words[@]}" </dev/null >&2 ||
			die "$(name_of "$part") failed, and what comes after it was not begun; a repeated run goes on from here"
	done
	# Last, since the next connection has a minute from here.
	[ -z "$firewall" ] || bash "$firewall" apply </dev/null
	sweep
}

# sweep drops scripts of earlier versions, but only old ones: a command whose
# update has not run yet still names them. All that are in use have just been
# written anew.
sweep() {
	find "$toolbox" -maxdepth 1 \( -name '*-??????????.sh' -o -name '*-??????????-*.sh' \) -mtime +30 -delete
}

do_check() {
	recall "$@"
	local part
	for part in "${parts[@]}"; do
		bash "$part" check "${words[@]}" </dev/null >&2 || fault "$(name_of "$part") has drifted"
	done
}

do_undo() {
	recall "$@"
	local i
	for ((i = ${#parts[@]} - 1; i >= 0; i--)); do
		bash "${parts[i]}" undo "${words[@]}" </dev/null >&2 || fault "$(name_of "${parts[i]}") could not be undone; going on"
	done
	rm -f "$settings" "$toolbox/base" "$toolbox/firewall"
}

dispatch "$@"
