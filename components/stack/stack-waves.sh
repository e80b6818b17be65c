# shellcheck shell=bash
# Deploys wave after wave, waits for each, and takes everything back when one
# does not come to run. Sourced, never run.

: "${work=}" "${stack=}" "${namespace=}"

# How long all waves have together, in seconds: images may come over a slow
# line. How long the old version has to come back.
limit=${SKEP_DEPLOY_LIMIT:-900} back_limit=${SKEP_BACK_LIMIT:-180}
# How long nothing at all may run or fit before that is an answer.
idle_limit=${SKEP_IDLE_LIMIT:-10} fit_limit=${SKEP_FIT_LIMIT:-60}
# How many tasks of one slot may fail.
tries_limit=4

declare -A told=() since=() counted=() tries=()
deployed=0

# milliseconds since the epoch.
now() {
	local micros=${EPOCHREALTIME/./}
	printf '%s' "${micros%???}"
}

# lasted KEY MILLISECONDS: whether KEY has been asked about for that long. A key
# that holds all that matters starts anew when anything changes.
lasted() {
	[ -n "${since[$1]-}" ] || since[$1]=$(now)
	[ $(($(now) - ${since[$1]})) -ge "$2" ]
}

# wave_digest WAVE: changes with what is to be deployed and with what is there.
wave_digest() {
	{
		cat "$work/wave-$1.yaml"
		[ ! -e "$work/docker/config.json" ] || cat "$work/docker/config.json"
		jq -cS --argjson names "$(services_of "$1")" '
			[.[] | .Spec | select(.Name | IN($names[])) | .TaskTemplate.ForceUpdate = 0] | sort_by(.Name)' "$work/services.json"
	} | sha256sum | cut -d' ' -f1
}

recorded() { printf '{"label":{"skep.stack=%s":true,"skep.record=waves":true}}' "$stack"; }

records() { docker config ls --filter "label=skep.stack=$stack" --filter label=skep.record=waves --format '{{.Name}}'; }

# as_recorded WAVE: whether the wave is as the last deploy that came true left
# it. To deploy it again would run its jobs again, and make the spec that a
# rollback goes back to the same as the one that it leaves.
as_recorded() {
	[ -e "$work/record" ] || ask configs "$(recorded)" |
		jq -r '.[].Spec.Data | @base64d' >"$work/record"
	grep -qxF "wave-$1 $(wave_digest "$1")" "$work/record"
}

# record keeps in the swarm what is there now, for as_recorded of any manager.
record() {
	local wave last name
	last=$(last_wave)
	for ((wave = 1; wave <= last; wave++)); do
		printf 'wave-%s %s\n' "$wave" "$(wave_digest "$wave")"
	done >"$work/record"
	name=$stack.$(sha256sum "$work/record" | cut -c1-16) # names may have 64 letters
	docker config inspect "$name" >/dev/null 2>&1 ||
		quietly docker config create --label "skep.stack=$stack" --label skep.record=waves "$name" "$work/record"
	records | grep -vxF "$name" | remove config 1 || true
}

# deploy hands a wave to Swarm. Never with --prune, which removes services
# before anything else is known to be right. Images are looked up only when
# they change: what a registry that is down does not say would be missing in
# the spec, and every task would be restarted for it.
deploy() {
	local wave=$1 detach=() try
	# Docker 26 brought the flag; those before never wait anyway.
	if docker stack deploy --help | grep -q -- --detach; then detach=(--detach); fi
	for try in 1 2 3; do
		if docker stack deploy "${detach[@]}" --resolve-image changed --with-registry-auth \
			--compose-file "$work/wave-$wave.yaml" "$stack" >/dev/null 2>"$work/said"; then
			tell <"$work/said"
			deployed=$(now)
			return 0
		fi
		# Swarm itself wrote to a service between the CLI's reading and writing it.
		grep -q 'update out of sequence' "$work/said" || break
	done
	tell <"$work/said"
	give_up "" "Swarm refuses the stack (try $try)"
}

# await NAMES: until all of those services run, or else takes the deploy back.
await() {
	local names=$1 waiting=none seen name verdict text kind origin why monitor running failed live
	local commas=${names//[^,]/}
	[ "$names" != '[]' ] || return 0
	while [ -n "$waiting" ]; do
		[ "$waiting" = none ] || sleep 0.4
		waiting='' seen=0
		see
		judge "$names"
		while IFS=$'\t' read -r name verdict text kind origin why monitor running failed live; do
			seen=$((seen + 1))
			progress "$name" "$text"
			[ "$verdict" != failed ] || give_up "$name" "$why"
			if settled "$name" "$verdict" "$origin" "$monitor" "$running"; then continue; fi
			waiting+="$name "
			hopeless "$name" "$text" "$kind" "$failed" "$live"
		done <"$work/verdicts"
		[ "$seen" -eq $((${#commas} + 1)) ] || give_up "" "a service has gone from the swarm, or never came there"
		[ "$SECONDS" -lt "$limit" ] || [ -z "$waiting" ] || give_up "${waiting%% *}" "it did not come to run in $limit s"
	done
}

# see looks again, and bears a change of the swarm's leader.
see() {
	local silent=0
	until look; do
		silent=$((silent + 1))
		[ "$silent" -lt 40 ] || die "the swarm does not answer any more; what is deployed is not known"
		sleep 1
	done
}

# progress tells a service's state when it is another than before.
progress() {
	[ "${told[$1]-}" = "$2" ] || say "$1: $2"
	told[$1]=$2
}

# settled: whether a service that runs has run for long enough. A host's clock
# is not believed about tasks that this deploy made, and tasks of the old spec
# may be seen for a moment before Swarm begins.
settled() {
	local name=$1 verdict=$2 origin=$3 monitor=$4 running=$5
	case $verdict/$origin in
	done/*) return 0 ;;
	steady/same) return 0 ;;
	steady/changed) [ $(($(now) - deployed)) -ge 2000 ] ;;
	steady/* | young/*) lasted "$name runs $running" "${monitor%.*}000" ;;
	*) return 1 ;;
	esac
}

# hopeless ends the wait where more of it would change nothing.
hopeless() {
	local name=$1 text=$2 kind=$3 failed=$4 live=$5 task slot idle=$((idle_limit * 1000))
	if [ "$live" = 0 ]; then
		# Swarm needs a moment between a task's end and the next one.
		[ "$kind" = service ] || idle=2000
		if lasted "$name idle $failed" "$idle"; then
			[ "$kind" = service ] || give_up "$name" "the job ended without success"
			give_up "$name" "no task of it is left, and Swarm starts no other: see its restart policy and placement"
		fi
	fi
	if [[ $text == *"no suitable node"* ]] && lasted "$name $text" $((fit_limit * 1000)); then
		give_up "$name" "no host fits"
	fi
	for task in ${failed//,/ }; do
		if [ "$task" = - ] || [ -n "${counted[$task]-}" ]; then continue; fi
		counted[$task]=1 slot=$name/${task%%:*}
		tries[$slot]=$((${tries[$slot]-0} + 1))
		[ "${tries[$slot]}" -lt "$tries_limit" ] || give_up "$name" "its tasks fail again and again"
	done
}

# give_up NAME WHY tells what is known and takes the deploy back.
give_up() {
	local name=$1 why=$2 id state node error code
	say "stack $stack: ${name:+service $name: }$why"
	see
	if [ -n "$name" ]; then
		IFS=$'\t' read -r id state node error code < <(worst_task "${stack}_$name") || true
		if [ -n "${id-}" ]; then
			say "  a task on $node is $state: $error (exit code $code)"
			{ timeout 10 docker service logs --raw --tail 20 "$id" 2>&1 || true; } | tail -n 20 |
				sed -e '1i\  the last lines of its log:' -e 's/^/  | /' | tell
		fi
	fi
	take_back
	exit 1
}

# take_back makes Swarm run what it ran before. Secrets and configs of the new
# version stay until a deploy comes true.
take_back() {
	local name verdict kind origin
	judge "$(all_there)" back
	while IFS=$'\t' read -r name verdict _ kind origin _; do
		case $kind/$origin/$verdict in
		*/same/* | job/*/done | service/added/done | service/added/steady | service/added/young) ;;
		job/* | service/added/*)
			# A job's way back would be to run an old migration.
			say "$name: removed, so that it does not go on trying"
			quietly docker service rm "${stack}_$name" || true
			;;
		*) quietly docker service rollback --detach "${stack}_$name" || true ;;
		esac
	done <"$work/verdicts"
	await_old "$(jq -c '[.[].Spec.Name]' "$work/before.json")"
}

# await_old NAMES: until the old version of those services serves.
await_old() {
	local end=$((SECONDS + back_limit)) name verdict text kind rest waiting=none broken
	[ "$1" != '[]' ] || return 0
	while [ -n "$waiting" ] && [ "$SECONDS" -lt "$end" ]; do
		[ "$waiting" = none ] || sleep 0.4
		waiting='' broken=''
		see
		judge "$1" back
		while IFS=$'\t' read -r name verdict text kind rest; do
			case $kind/$verdict in
			service/wait) waiting+="$name: $text; " ;;
			service/failed) broken+="$name: $text; " ;;
			esac
		done <"$work/verdicts"
	done
	if [ -n "$waiting$broken" ]; then
		say "stack $stack: the version before this deploy does not run: $waiting$broken"
	else
		say "stack $stack: the version before this deploy serves"
	fi
}
