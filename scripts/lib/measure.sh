# shellcheck shell=bash
# Measures commands and prints figures in columns. Sourced, never run, after
# paths.sh and terminal.sh. Figures go to standard output.

# seconds COMMAND… prints how long COMMAND took. Whether it succeeded does not
# matter to the clock, so a command that must succeed is checked elsewhere.
seconds() {
	local start=$EPOCHREALTIME
	"$@" >/dev/null 2>&1 </dev/null || true
	since "$start"
}

# quiet COMMAND… shows what COMMAND said only when it failed, and then ends.
quiet() {
	local said
	said="$("$@" 2>&1 </dev/null)" || die "$* failed:
$said"
}

# since TIME prints the seconds since a value of $EPOCHREALTIME.
since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f", b - a }'; }

less() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a - b }'; }

less_than() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a < b) }'; }

kilobytes() { awk -v n="$1" 'BEGIN { printf "%.1f", n / 1000 }'; }

median() { printf '%s\n' "$@" | sort -n | awk '{ v[NR] = $1 } END { printf "%.2f", v[int((NR + 1) / 2)] }'; }

# header TITLE COLUMN… and row TITLE FIGURE… print a table. Of two figures the
# difference makes a third column.
header() {
	local title="$1" columns
	shift
	columns="$(printf '%10s' "$@")"
	printf '\n%-34s%s\n' "$title" "$columns"
}

row() {
	local title="$1"
	shift
	# A third, empty one says that they are of two kinds.
	if (($# == 2)); then set -- "$1" "$2" "$(less "$2" "$1")"; fi
	[[ -n "${*: -1}" ]] || set -- "${@:1:$#-1}"
	printf '%-34s%s\n' "$title" "$(printf '%10s' "$@")"
}

# events FILE ARGUMENT… runs `pulumi ARGUMENT…` and writes what its engine did
# when: "SECONDS KIND TYPE NAME" from the start of the command. The log is read
# through a pipe because the engine's own time stamps are whole seconds.
events() {
	local file="$1" pipe start reader status=0
	shift
	pipe="$(mktemp -u)"
	mkfifo -m 600 "$pipe"
	start=$EPOCHREALTIME
	# shellcheck disable=SC2016 # a jq program
	timeout 1800 jq --unbuffered -r --argjson start "$start" '
		(keys - ["sequence", "timestamp"])[0] as $kind | .[$kind].metadata as $m |
		"\(now - $start) \($kind) \($m.type // "-") \(($m.urn // "-") | split("::")[-1])"' <"$pipe" >"$file" &
	reader=$!
	PULUMI_DEBUG_COMMANDS=true pulumi "$@" --event-log "$pipe" >"$file.out" 2>&1 </dev/null || status=$?
	echo "$(since "$start") end - -" >"$file.end"
	# The reader waits for a first writer, which a command that failed early never was.
	((status == 0)) || kill "$reader" 2>/dev/null || true
	wait "$reader" || true
	rm -f "$pipe"
	cat "$file.end" >>"$file"
	rm -f "$file.end"
	((status == 0)) || {
		tail -n 20 "$file.out" >&2
		die "pulumi $* ended with status $status"
	}
}

# part NAME FILE prints the seconds of one part of a run.
part() {
	awk -v part="$1" '
		$2 == "preludeEvent" { engine = $1 }
		$2 == "resourcePreEvent" && !program { program = $1 }
		$2 == "resOutputsEvent" { resources = $1 }
		$2 == "end" { end = $1 }
		END {
			at["until the engine runs"] = engine
			at["until the program registers"] = program - engine
			at["resources"] = resources - program
			at["until the CLI ends"] = end - resources
			printf "%.2f", at[part]
		}' "$2"
}

# machines_booted FILE prints when the last machine of a cloud was there.
machines_booted() {
	awk '$2 == "resOutputsEvent" && $3 ~ /^digitalocean:index.droplet:Droplet$/ { t = $1 } END { printf "%.2f", t }' "$1"
}

# slowest FILE prints the ten resources that took longest.
slowest() {
	awk '
		$2 == "resourcePreEvent" { start[$3 " " $4] = $1 }
		$2 == "resOutputsEvent" && $3 !~ /^(skep|pulumi):/ { printf "  %7.2f  %s %s\n", $1 - start[$3 " " $4], $3, $4 }' "$1" |
		sort -rn | head -n 10
}
