# What scripts/nodes tells, from the outputs ($stack) and what each host said
# ($said: by host, null for one that was not reached, and $why: why).
def days: (. - now) / 86400 | floor;
($said | map(select(. != null and .nodes != null))) as $speakers |
($speakers[0].nodes // []) as $nodes |
($stack.hosts | to_entries | map(.key as $name | .value as $host | $said[$name] as $own |
	(first($nodes[] | select(.name == $name)) // null) as $node | {
		name: $name, role: ($node.role // $host.role), availability: $node.availability, state: $node.state,
		leader: ($node.leader // false), engine: ($node.engine // $own.engine), certificateDays: ($own.ends | if . then days else null end),
		tasks: $node.tasks,
		faults: [
			(if $own == null then "not reached: \($why[$name])" else empty end),
			(if $own.state == "locked" then "locked: scripts/unlock \($name)"
				elif ($own.error // "") != "" then "its engine: \($own.error)"
				elif $own != null and $own.state != "active" then "its engine is in no swarm: \($own.state)" else empty end),
			(if $nodes == [] then empty elif $node == null then "not in the swarm"
				elif $node.state != "ready" then "the swarm has it as \($node.state)" else empty end),
			(if $node.role == "manager" and $node.reachability != "reachable" then "the other managers do not reach it" else empty end),
			(if $node != null and $node.role != $host.role then "config says \($host.role)" else empty end),
			(if $node != null and $host.availability and $node.availability != $host.availability then "config says \($host.availability)" else empty end),
			(if $own != null and $own.ends != null and ($own.ends | days) < 14 then "its certificate ends in \($own.ends | days) days" else empty end)
		]})) as $known |
($nodes | map(select(.name as $n | $stack.hosts | has($n) | not) | {
	name, role, availability, state, leader, engine, certificateDays: null, tasks, faults: ["not in skep:hosts: pulumi up takes it out"]})) as $others |
{
	nodes: ($known + $others),
	rotating: any($speakers[]; .rotating),
	faults: (if ($speakers | map(.nodes | map(.id) | sort) | unique | length) > 1 then
		["managers speak for different swarms, as when one that was rebuilt has lost ones back: pulumi up --replace '**swarm-admit'"] else [] end +
		if $speakers == [] then ["no manager speaks for the swarm: fewer than a majority of them live; scripts/recover-quorum"] else [] end)
} | .healthy = (.faults == [] and all(.nodes[]; .faults == []))
