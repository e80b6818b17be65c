# shellcheck shell=bash
# What stack.sh reads and says. Sourced, never run.
#
# Its stdin is files, each after a line `@@skep PATH`:
#   wave-1.yaml, wave-2.yaml, …   what is deployed at once, in this order
#   services                      all services: WAVE service|job NAME
#   secret/OBJECT, config/OBJECT  a value in base64, under the object's name
#   networks                      those that have a range of their own: NAME RANGE
#   docker/config.json            logins to registries
#   redact                        secret values, each in base64 on a line

: "${root?}" "${stack=}"
namespace=com.docker.stack.namespace

# open_work makes $work, where secrets may lie: in memory, for root, and for as
# long as this runs. The stack's lock keeps a second deploy of it out.
open_work() {
	[[ $stack =~ ^[a-zA-Z0-9][a-zA-Z0-9_.-]*$ ]] || die "\"$stack\" is no name of a stack"
	umask 077
	mkdir -p "$root/run/skep"
	exec 9>"$root/run/skep/stack-$stack.lock"
	flock -w "${SKEP_LOCK_LIMIT:-60}" 9 || die "another deploy of stack $stack is at work on this host; wait for its end"
	work=$root/run/skep/stack-$stack
	rm -rf "$work" # of one that was killed
	trap 'rm -rf "$work"' EXIT
	trap 'exit 129' HUP
	trap 'exit 143' TERM INT
	mkdir -p "$work"/{secret,config,docker}
	: >"$work/redact"
	echo '[]' | tee "$work/before.json" >"$work/before-tasks.json"
}

# unpack writes the files of stdin into $work.
unpack() {
	awk -v dir="$work" '
		/^@@skep / {
			if (file) close(file)
			path = $2
			if (path !~ /^(wave-[0-9]+\.yaml|services|networks|redact|docker\/config\.json|(secret|config)\/[A-Za-z0-9_.-]+)$/) exit 1
			file = dir "/" path
			printf "" >file
			next
		}
		!file { exit 1 }
		{ print >file }
	' || die "stdin is no stack: see the head of ${BASH_SOURCE[0]##*/}"
	if ! [ -s "$work/services" ] || ! [ -s "$work/wave-1.yaml" ]; then die "stdin is no stack: it has no services"; fi
}

last_wave() { awk '$1 > last { last = $1 } END { print last }' "$work/services"; }

# services_of PATTERN: the swarm's names of a wave's services, as JSON.
services_of() {
	awk -v wave="^($1)\$" -v stack="$stack" '
		$1 ~ wave { list = list sep "\"" stack "_" $3 "\""; sep = "," }
		END { print "[" list "]" }' "$work/services"
}

# tell says the lines of stdin to the operator: without secret values, without
# what would move a terminal's cursor, and none long enough to trouble a log.
# shellcheck disable=SC2016 # jq's own variables
tell() {
	local lines
	lines=$(tr -d '\000')
	[ -n "$lines" ] || return 0
	printf '%s\n' "$lines" | jq -Rr --rawfile redact "$work/redact" '
		([$redact | split("\n")[] | select(. != "") | . as $coded | (try @base64d catch "") |
			$coded, ., @uri, (tojson | .[1:-1]), (split("\n") | select(length > 1)[] | select(length >= 8))
		] | map(select(. != "")) | unique | sort_by(-length)) as $secrets |
		reduce $secrets[] as $secret (.; split($secret) | join("[secret]")) |
		gsub("\u001b\\[[0-9;]*[A-Za-z]"; "") | gsub("[\u0000-\u0008\u000b-\u001f\u007f]"; "") |
		if length > 500 then .[:500] + "…" else . end
	' >&2 || true
}

say() { printf '%s\n' "$*" | tell; }

# quietly runs a command; only what it says on stderr is told.
quietly() {
	local status=0
	"$@" >/dev/null 2>"$work/said" || status=$?
	tell <"$work/said"
	return "$status"
}

# ask PATH [FILTER]: what the engine answers, as JSON. Its own API rather than
# its CLI: one call tells all tasks, with their specs.
ask() {
	curl -fsSG --max-time 20 --unix-socket /run/docker.sock "http://docker/$1" \
		--data-urlencode status=true --data-urlencode "filters=${2-}"
}

of_stack() { printf '{"label":{"%s=%s":true}}' "$namespace" "$stack"; }

# look sees how the stack is now.
look() {
	ask services "$(of_stack)" >"$work/services.json.new" && ask tasks "$(of_stack)" >"$work/tasks.json.new" ||
		return 1
	mv "$work/services.json.new" "$work/services.json"
	mv "$work/tasks.json.new" "$work/tasks.json"
}
