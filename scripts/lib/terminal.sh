# shellcheck shell=bash
# What a script tells the person who started it: which step runs, how long it
# usually takes, how long it took. Everything goes to standard error, so that
# standard output stays free for data. Sourced, never run.

# say prints one line for the reader.
say() { printf '%s\n' "$*" >&2; }

# die prints why the script cannot go on, and ends it.
die() {
	say "${0##*/}: $*"
	exit 1
}

# usage prints the comment block at the head of the calling script: its manual.
usage() { awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"; }

# columns aligns tab-separated lines of standard input.
columns() {
	awk -F '\t' '
		{ line[NR] = $0; for (i = 1; i <= NF; i++) if (length($i) > width[i]) width[i] = length($i) }
		END {
			for (n = 1; n <= NR; n++) {
				count = split(line[n], cell, "\t"); text = ""
				for (i = 1; i < count; i++) text = text sprintf("%-" width[i] + 2 "s", cell[i])
				print text cell[count]
			}
		}'
}

# clock renders seconds as 42 s or 3 min 07 s.
clock() {
	if (($1 < 60)); then printf '%d s' "$1"; else printf '%d min %02d s' $(($1 / 60)) $(($1 % 60)); fi
}

# timed TITLE USUAL COMMAND… runs COMMAND with its output in a log, shows the
# time passing, and shows the log when COMMAND fails. USUAL says how long the
# step takes on an ordinary machine, so that nobody wonders whether it hangs.
timed() {
	local title="$1" usual="$2" log pid start=$SECONDS status=0 next=30
	shift 2
	log="$(mktemp)"
	say "$title ($usual)"
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		if [[ -t 2 ]]; then
			printf '\r  %s ' "$(clock $((SECONDS - start)))" >&2
		elif ((SECONDS - start >= next)); then
			say "  still at it after $(clock $((SECONDS - start)))"
			next=$((next + 30))
		fi
		sleep 0.5
	done
	wait "$pid" || status=$?
	[[ -t 2 ]] && printf '\r\033[K' >&2
	if ((status != 0)); then
		tail -n 40 "$log" >&2
		rm -f "$log"
		say "  stopped with status $status after $(clock $((SECONDS - start)))"
		return "$status"
	fi
	rm -f "$log"
	say "  done in $(clock $((SECONDS - start)))"
}

# record NAME SECONDS remembers how long a phase took for phase_summary.
phase_names=()
phase_seconds=()
record() {
	phase_names+=("$1")
	phase_seconds+=("$2")
}

# phase NAME COMMAND… runs COMMAND in the open and records how long it took.
# COMMAND may be a function: it runs in a subshell where errexit works, so do
# not call phase itself in a condition.
phase() {
	local name="$1" start=$SECONDS status
	shift
	say "== $name"
	set +e
	(
		set -e
		"$@"
	)
	status=$?
	set -e
	record "$name" $((SECONDS - start))
	return "$status"
}

# phase_summary prints one line per phase, then the sum.
phase_summary() {
	local i total=0
	for i in "${!phase_names[@]}"; do
		printf '  %-28s %s\n' "${phase_names[$i]}" "$(clock "${phase_seconds[$i]}")" >&2
		total=$((total + phase_seconds[i]))
	done
	printf '  %-28s %s\n' total "$(clock "$total")" >&2
}
