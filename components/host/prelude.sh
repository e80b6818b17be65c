# shellcheck shell=bash
# What every host script starts with. Sourced, never run.
set -euo pipefail
export LC_ALL=C DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
# For tests: SKEP_FAKES is a folder of programs to use in place of real ones,
# SKEP_ROOT one that stands for /.
# shellcheck disable=SC2034 # for scripts
root=${SKEP_ROOT:-}
PATH=${SKEP_FAKES:+$SKEP_FAKES:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# log and die write to stderr: stdout is a script's answer to the program.
log() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() {
	log "$*"
	exit 1
}

# fault says what is not as it should be. A check goes on after it, to tell all
# faults at once, and fails at its end.
faults=0
fault() {
	log "$*"
	faults=$((faults + 1))
}

# option NAME ARGS...: prints what follows --NAME in ARGS, or nothing.
option() {
	local name=--$1
	shift
	while [ $# -gt 1 ]; do
		if [ "$1" = "$name" ]; then
			printf '%s' "$2"
			return 0
		fi
		shift 2
	done
}

# apt_get runs it quietly, and waits for whoever else is at it.
apt_get() { apt-get -qq -o DPkg::Lock::Timeout=120 "$@" >/dev/null </dev/null; }

# install_file MODE PATH: stdin becomes the file, at once and only when it
# differs; prints the path when it did. Its exit status tells failure only, so
# call it as changed=$(... | install_file 644 PATH) and never as a condition,
# where a full disk would pass for "no change".
install_file() {
	local mode=$1 path=$2 new
	# Explicit, since errexit is off inside $(...), and a full disk must not
	# leave half a file.
	if ! { mkdir -p "${path%/*}" && new=$(mktemp "$path.XXXXXX"); }; then die "cannot write beside $path"; fi
	if ! { cat >"$new" && chmod "$mode" "$new"; }; then
		rm -f "$new"
		die "cannot write $path"
	fi
	if cmp -s "$new" "$path"; then
		rm -f "$new"
		return 0
	fi
	mv -f "$new" "$path" || die "cannot put $path in place"
	printf '%s\n' "$path"
}

# same_file PATH: stdin must be what the file holds. Call it as
# same_file PATH < <(...): behind a pipe its fault would be lost in a subshell.
same_file() { cmp -s - "$1" || fault "$1 is not as Skep wrote it"; }

# timer_on TIMER CHANGED: runs it now and at boot; CHANGED is empty where its
# units are as they were. enable makes systemd read its units anew.
timer_on() {
	if [ -n "$2" ]; then
		systemctl -q enable "$1"
		systemctl restart "$1"
		return
	fi
	systemctl -q is-enabled "$1" >/dev/null 2>&1 || systemctl -q enable "$1"
	systemctl start "$1"
}

# units_off DIR UNITS...: stops them and takes their files away.
units_off() {
	local dir=$1 unit
	shift
	for unit; do
		[ -e "$dir/$unit" ] || continue
		if [ "${unit##*.}" = timer ]; then systemctl -q disable --now "$unit"; else systemctl stop "$unit"; fi
		rm -f "$dir/$unit" "$root/var/lib/systemd/timers/stamp-$unit"
	done
	systemctl daemon-reload
}

# wait_until SECONDS WHAT COMMAND...: polls until the command succeeds.
wait_until() {
	local limit=$1 what=$2 end
	shift 2
	end=$((SECONDS + limit))
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || die "waited $limit s for $what in vain"
		sleep 0.2
	done
}

# dispatch VERB ARGS...: runs the script's do_apply, do_check, do_undo and so on, and
# reads stdin to its end whatever happens: a provider that cannot deliver all
# of it calls the command failed, even if it was not.
dispatch() {
	local verb=${1:-} status=0
	shift || true
	case $verb in
	apply | check | undo | confirm) ;;
	up | wait | watch | rollback | ranges) ;; # for units
	--help | -h | '') die "usage: ${0##*/} apply|check|undo [options]" ;;
	*) die "unknown verb $verb: need apply, check or undo" ;;
	esac
	declare -F "do_$verb" >/dev/null || die "this script has no $verb"
	# A subshell, so that a failure inside still drains what is left below; not
	# behind || or if, which would switch errexit off in it.
	set +e
	(
		set -e
		"do_$verb" "$@"
		[ "$faults" -eq 0 ]
	)
	status=$?
	set -e
	[ -t 0 ] || cat >/dev/null || true
	return "$status"
}
