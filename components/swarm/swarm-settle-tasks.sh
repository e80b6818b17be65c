# shellcheck shell=bash
# Which tasks of a node can run elsewhere, and waiting until they do. Sourced,
# never run.

declare -A name_of state_of # swarm-settle-nodes.sh fills them

# How long the tasks of one node may take to be somewhere else, images pulled.
drain_limit=${SKEP_DRAIN_LIMIT:-300}

# ask PATH [FILTERS] prints what the engine answers, as JSON.
ask() {
	curl -fsS --max-time 30 --unix-socket /run/docker.sock -G "http://docker/$1" --data-urlencode "filters=${2:-"{}"}"
}

# world prints nodes, services and tasks as three JSON texts.
world() { ask nodes && ask services && ask tasks '{"desired-state":["running","ready","accepted"]}'; }

# bound NODE... prints a line for each service with a task on the nodes, all of
# which go, that no other node may run, and why.
bound() {
	[ $# -gt 0 ] || return 0
	world | jq -rs --arg gone "$*" '
		def attribute($node): if . == "node.id" then $node.ID
			elif . == "node.hostname" then $node.Description.Hostname
			elif . == "node.role" then $node.Spec.Role
			elif . == "node.platform.os" then $node.Description.Platform.OS
			elif . == "node.platform.arch" then $node.Description.Platform.Architecture
			elif startswith("node.labels.") then ($node.Spec.Labels // {})[.[12:]]
			elif startswith("engine.labels.") then ($node.Description.Engine.Labels // {})[.[14:]]
			else null end | . // "" | ascii_downcase;
		def holds($node): capture("^\\s*(?<key>[^=!\\s]+)\\s*(?<op>[=!]=)\\s*(?<value>.*?)\\s*$") as $c |
			(($c.key | attribute($node)) == ($c.value | ascii_downcase)) == ($c.op == "==");
		. as [$nodes, $services, $tasks] | ($gone / " ") as $gone |
		[$nodes[] | select(.ID | IN($gone[]) | not) | select(.Spec.Availability == "active" and .Status.State == "ready")] as $others |
		[$tasks[] | select(.NodeID | IN($gone[])) | .ServiceID] as $here |
		$services[] | select(.ID | IN($here[])) | select(.Spec.Mode.Replicated or .Spec.Mode.ReplicatedJob) |
		((.Spec.TaskTemplate.Placement.Constraints) // []) as $constraints |
		select(any($others[]; . as $node | all($constraints[]; holds($node))) | not) |
		([$constraints[] | select(. as $one | any($others[]; . as $node | $one | holds($node)) | not)] | if . == [] then $constraints else . end) as $unmet |
		[(.Spec.TaskTemplate.ContainerSpec.Mounts // [])[] | select(.Type == "volume") | .Source] as $volumes |
		"service \(.Spec.Name): " + (if $others == [] then "no other host takes tasks" else "no other host has \($unmet | join(", "))" end) +
			(if $volumes == [] then "" else "; its volume \($volumes | join(", ")) is there" end)'
}

# movable FORCED NODE... dies where living nodes that go have tasks that nobody
# else can run, unless the host is one of FORCED.
movable() {
	local forced=",$1," id told status=0
	shift
	for id; do
		if [[ $forced == *",${name_of[$id]},"* ]] || [ "${state_of[$id]}" != ready ]; then continue; fi
		told=$(bound "$@" | sort -u)
		[ -n "$told" ] || continue
		tell "${name_of[$id]} is to leave the swarm, but not all of its tasks can run elsewhere" <<<"$told"
		status=1
	done
	[ "$status" -eq 0 ] || die "nothing was changed: move that data or take those stacks out first, or, to let them go, name the host under skep:swarm.force as remove:HOST"
}

# drain NODE moves its tasks and waits until they run elsewhere and have ended
# there, or until it is known that they cannot.
drain() {
	local node=$1 services said
	services=$(ask tasks "{\"node\":[\"$node\"],\"desired-state\":[\"running\",\"ready\"]}" | jq -c '[.[].ServiceID] | unique')
	if ready "$node"; then ahead "$node"; fi
	write docker node update --availability drain "$node"
	ready "$node" || return 0
	wait_until "$drain_limit" "the tasks of ${name_of[$node]:-$node} to run elsewhere; see: docker node ps $node" moved "$node" "$services"
	said=$(homeless "$services")
	[ -z "$said" ] || tell "drained, and these wait for a host that may run them" <<<"$said"
}

# ahead NODE: draining ends tasks before others run in their place. So a service
# that runs on this node alone goes before, by its own rules for updates: a new
# task first, where it says so, and no more at once than it allows.
ahead() {
	local node=$1 name names
	names=$(alone "$node" "$(bound "$node" | sed -n 's/^service \(.*\): no other.*/\1/p' | xargs)")
	[ -n "$names" ] || return 0
	write docker node update --availability pause "$node"
	while read -r name; do
		log "moving service $name"
		timeout "$drain_limit" docker service update --force --no-resolve-image --detach=false --quiet "$name" >/dev/null 2>&1 </dev/null ||
			log "service $name did not move by its own rules; it is moved without them"
	done <<<"$names"
}

# alone NODE BOUND prints the services of which nothing runs elsewhere, but for
# those that cannot.
alone() {
	world | jq -rs --arg node "$1" --arg bound "$2" '
		. as [$_, $services, $tasks] |
		$services[] | select(.Spec.Mode.Replicated and (.Spec.Name | IN(($bound / " ")[]) | not)) | .ID as $id |
		[$tasks[] | select(.ServiceID == $id and .Status.State == "running") | .NodeID] |
		select(length > 0 and all(.[]; . == $node)) | $services[] | select(.ID == $id) | .Spec.Name'
}

# moved NODE SERVICES: nothing runs on the node, and of each service all runs
# elsewhere that can. A node that has died meanwhile tells no end of its tasks.
moved() {
	local left
	left=$(ask tasks "{\"node\":[\"$1\"]}" | jq '[.[] | select(.Status.State | IN("assigned", "accepted", "preparing", "ready", "starting", "running"))] | length') || return 1
	[ "$left" = 0 ] || ! ready "$1" || return 1
	left=$({ ask services && ask tasks '{"desired-state":["running"]}'; } | jq -s --argjson ids "$2" '
		. as [$services, $tasks] |
		[$services[] | select(.ID | IN($ids[])) | select(.Spec.Mode.Replicated) | . as $service |
			[$tasks[] | select(.ServiceID == $service.ID) |
				select(.Status.State == "running" or (.Status.State == "pending" and (.Status.Err // "") != ""))] |
			select(length < ($service.Spec.Mode.Replicated.Replicas // 0))] | length') || return 1
	[ "$left" = 0 ]
}

# homeless SERVICES prints those whose tasks the scheduler has no node for, in
# its words.
homeless() {
	{ ask services && ask tasks '{"desired-state":["running"]}'; } | jq -rs --argjson ids "$1" '
		. as [$services, $tasks] |
		$services[] | select(.ID | IN($ids[])) | . as $service |
		[$tasks[] | select(.ServiceID == $service.ID and .Status.State == "pending") | .Status.Err // empty] | unique[] |
		"service \($service.Spec.Name): \(.)"'
}

# global_there NODE: every global service that may run on the node does, and has
# no task there that has yet to come.
global_there() {
	local left
	left=$({ ask services && ask tasks "{\"node\":[\"$1\"],\"desired-state\":[\"running\"]}"; } | jq -s '
		. as [$services, $tasks] |
		[$services[] | select(.Spec.Mode.Global) | .ID] as $global |
		[$tasks[] | select(.ServiceID | IN($global[])) | select(.Status.State != "running")] | length') || return 1
	[ "$left" = 0 ]
}
