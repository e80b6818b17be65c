# shellcheck shell=bash
# What scripts/nodes and scripts/recover-quorum run on each host, as root. Prints
# one line of JSON: what the engine is in the swarm, when its certificate ends
# (in seconds since 1970), and, from a manager that speaks for the swarm, all of
# its nodes with the number of their tasks.
set -uo pipefail
export LC_ALL=C

info=$(docker info --format '{{json .}}' 2>/dev/null)
if [ -z "$info" ] || [ "$(jq -r '.ServerVersion // ""' <<<"$info")" = "" ]; then
	echo "Docker Engine does not answer; see: journalctl -u docker" >&2
	exit 1
fi
directory=$(jq -r .DockerRootDir <<<"$info")

# The certificate and its key may be in one file.
ends=$(openssl x509 -noout -enddate -in "$directory/swarm/certificates/swarm-node.crt" 2>/dev/null | cut -d= -f2)
if [ -n "$ends" ]; then ends=$(date -d "$ends" +%s); fi

# A manager whose own key is encrypted is one of a locked swarm.
encrypted=false
if grep -qs '^-----BEGIN ENCRYPTED' "$directory/swarm/certificates/swarm-node.key"; then encrypted=true; fi

nodes=null
if [ "$(jq -r .Swarm.ControlAvailable <<<"$info")" = true ] && ids=$(timeout 25 docker node ls -q 2>/dev/null); then
	tasks=$(curl -fsS --max-time 20 --unix-socket /run/docker.sock -G http://docker/tasks --data-urlencode 'filters={"desired-state":["running"]}' |
		jq -c '[.[] | select(.Status.State == "running") | .NodeID] | group_by(.) | map({key: .[0], value: length}) | from_entries')
	nodes=$(xargs docker node inspect <<<"$ids" | jq -c --argjson tasks "${tasks:-"{}"}" 'map({
		id: .ID, name: (.Spec.Labels.host // .Description.Hostname), role: .Spec.Role, availability: .Spec.Availability,
		state: .Status.State, engine: .Description.Engine.EngineVersion, address: .Status.Addr,
		leader: (.ManagerStatus.Leader // false), reachability: .ManagerStatus.Reachability, tasks: ($tasks[.ID] // 0)})')
fi

jq -c --argjson nodes "$nodes" --arg ends "$ends" --argjson encrypted "$encrypted" '{
	id: .Swarm.NodeID, state: .Swarm.LocalNodeState, error: .Swarm.Error, manager: .Swarm.ControlAvailable,
	address: .Swarm.NodeAddr, engine: .ServerVersion, ends: ($ends | if . == "" then null else tonumber end),
	encrypted: $encrypted, rotating: (.Swarm.Cluster.RootRotationInProgress // false), nodes: $nodes}' <<<"$info"
