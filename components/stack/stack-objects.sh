# shellcheck shell=bash
# Secrets, configs, networks and volumes of a stack: made before a deploy,
# removed only when nothing runs on them any more. Sourced, never run.

: "${work=}" "${stack=}" "${namespace=}"

# How long tasks may take to end; a database may ask for minutes.
stop_limit=${SKEP_STOP_LIMIT:-180}

# make_objects secret|config makes those of the input that are not there. A
# name holds its value's digest, so what is there is right.
make_objects() {
	local kind=$1 there path name
	there=$(docker "$kind" ls --filter "label=skep.stack=$stack" --format '{{.Name}}')
	for path in "$work/$kind"/*; do
		[ -e "$path" ] || continue
		name=${path##*/}
		if grep -qxF -e "$name" <<<"$there"; then continue; fi
		base64 -d <"$path" | quietly docker "$kind" create --label "skep.stack=$stack" "$name" - ||
			die "cannot make $kind $name"
	done
}

# networks_fit ends where a network is there with another range than it is to
# have: Swarm never changes one, and would say nothing.
networks_fit() {
	local name want have
	[ -e "$work/networks" ] || return 0
	while read -r name want; do
		have=$(docker network inspect "$name" --format '{{range .IPAM.Config}}{{.Subnet}}{{end}}' 2>/dev/null) || continue
		[ "$have" = "$want" ] ||
			die "network $name has the range $have, and Swarm cannot give it $want: give the network another name in the file, or take the stack out of skep:stacks, run pulumi up and put it in again; volumes stay"
	done <"$work/networks"
}

# prune removes what the stack had and has no more, now that all of it runs.
# What Swarm will not let go of stays until the next deploy.
prune() {
	local wanted
	wanted=$(services_of '[0-9]+')
	see
	remove_services "$(jq -r --argjson wanted "$wanted" '.[] | select(.Spec.Name | IN($wanted[]) | not) | .ID' "$work/services.json")"
	ask services '{}' >"$work/all.json"
	networks_of_stack | grep -vxF -f <(used '(.TaskTemplate.Networks // [])[], (.Networks // [])[] | .Target') |
		remove network 30 || true
	for kind in secret config; do
		docker "$kind" ls --filter "label=skep.stack=$stack" --format '{{.Name}}' |
			grep -vxF -f <(records; ls "$work/$kind"; used "(.TaskTemplate.ContainerSpec.${kind^}s // [])[].${kind^}Name") |
			remove "$kind" 1 || true
	done
}

# used JQ: what services of the whole swarm use, a line each.
used() { jq -r ".[].Spec | $1" "$work/all.json"; }

networks_of_stack() { docker network ls -q --no-trunc --filter "label=$namespace=$stack"; }

# remove KIND SECONDS: the objects on stdin. Fails where Swarm does not let go
# of one for that long, and says what Swarm says of it.
remove() {
	local kind=$1 end=$((SECONDS + $2)) name status=0
	while read -r name; do
		until docker "$kind" rm "$name" >/dev/null 2>"$work/said" </dev/null || [ ! -s "$work/said" ]; do
			if grep -qiE 'not found|no such' "$work/said"; then break; fi
			if [ "$SECONDS" -ge "$end" ]; then
				tell <"$work/said"
				status=1
				break
			fi
			sleep 0.5
		done
	done
	return "$status"
}

# remove_services IDS: and waits until their tasks have ended, but for those on
# hosts that do not answer: the swarm forgets them with the host.
remove_services() {
	[ -n "$1" ] || return 0
	local id
	for id in $1; do quietly docker service rm "$id" || true; done
	wait_until "$stop_limit" "the tasks of removed services to end" ended "$1"
}

ended() {
	see
	ask nodes >"$work/nodes.json"
	jq -e --arg ids "$1" --slurpfile nodes "$work/nodes.json" '
		[$nodes[0][] | select(.Status.State == "ready") | .ID] as $ready |
		[.[] | select(.ServiceID | IN($ids | splits("\\s+"))) | select(.NodeID | IN($ready[])) |
			select(.Status.State | IN("complete", "failed", "rejected", "shutdown", "orphaned", "remove") | not)] == []
	' "$work/tasks.json"
}

# volumes_of_stack: VOLUME HOST for each that services mount by name, as far
# as Swarm remembers where their tasks were.
volumes_of_stack() {
	ask nodes >"$work/nodes.json"
	jq -r --slurpfile tasks "$work/tasks.json" --slurpfile nodes "$work/nodes.json" '
		($nodes[0] | map({key: .ID, value: .Description.Hostname}) | from_entries) as $hosts |
		[.[] | .ID as $id | [$tasks[0][] | select(.ServiceID == $id) | $hosts[.NodeID // ""] // empty] as $at |
			(.Spec.TaskTemplate.ContainerSpec.Mounts // [])[] | select(.Type == "volume" and .Source) |
			"\(.Source) \(($at | unique | if . == [] then ["?"] else . end)[])"] | unique[]' "$work/services.json"
}

# farewell_to_volumes NAMES…: removes those named, as far as Swarm lets one
# manager do it, and says which stay where. Each is a name of a volume, with or
# without the stack's in front.
farewell_to_volumes() {
	local volume host here remove_it
	here=$(docker info --format '{{.Name}}')
	while read -r volume host; do
		remove_it="docker volume rm $volume"
		if [[ " $* " != *" $volume "* && " $* " != *" ${volume#"${stack}_"} "* ]]; then
			say "volume $volume stays on $host; to delete what is in it: $remove_it"
		elif [ "$host" = "$here" ]; then
			# Its container may be there for a moment longer than its task.
			remove volume 30 <<<"$volume" || fault "volume $volume is still there"
		else
			say "volume $volume stays on $host, since Swarm gives a manager no hold on the volumes of other hosts; there, run: $remove_it"
		fi
	done <"$work/volumes"
}
