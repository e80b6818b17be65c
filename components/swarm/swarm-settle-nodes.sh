# shellcheck shell=bash
# Labels, roles and availability of nodes. Sourced, never run. What the swarm
# says counts, not what it was told before.

# write runs a command that reads an object of the swarm and writes it back; anew
# where Swarm itself wrote to it in between, as it does when a node dies, comes
# or has moved its tasks.
write() {
	local said tries=0
	until said=$("$@" 2>&1 >/dev/null); do
		tries=$((tries + 1))
		[[ $said == *'update out of sequence'* && $tries -lt 10 ]] || die "$*: $said"
		sleep 0.3
	done
}

# read_nodes puts what the swarm knows of its nodes into arrays, by id. The name
# is what config calls a node, else what it calls itself.
declare -A name_of=() state_of=() role_of=() availability_of=() labels_of=()
read_nodes() {
	local id name state role availability labels
	while IFS=$'\t' read -r id name state role availability labels; do
		name_of[$id]=$name state_of[$id]=$state role_of[$id]=$role
		availability_of[$id]=$availability labels_of[$id]=$labels
	done < <(docker node ls -q | xargs docker node inspect | jq -r '.[] | [.ID, .Spec.Labels.host // .Description.Hostname,
		.Status.State, .Spec.Role, .Spec.Availability, (.Spec.Labels // {} | to_entries | map("\(.key)=\(.value) ") | add // "")] | @tsv')
	[ ${#name_of[@]} -gt 0 ] || die "this machine manages no swarm, or one without a majority"
}

# label_of NODE KEY prints what a label was when the nodes were read.
label_of() {
	local pair
	for pair in ${labels_of[$1]}; do
		[[ $pair != "$2="* ]] || printf '%s' "${pair#*=}"
	done
}

# field NODE JQ prints one value of what the swarm knows now.
field() { docker node inspect "$1" | jq -r ".[0] | $2"; }

status() { field "$1" .Status.State; }

ready() { [ "$(status "$1")" = ready ]; }

decided() { [ "$(status "$1")" != unknown ]; }

reachable() { [ "$(field "$1" '.ManagerStatus.Reachability // ""')" = reachable ]; }

# no_vote says whether a node is out of the managers' own list: its role is
# another at once, the vote is gone when they have agreed.
no_vote() { [ "$(field "$1" '.ManagerStatus // ""')" = "" ]; }

# label sets what is named and drops what is not.
label() {
	local id=$1 wanted=$2 changes=() key have pair
	have=${labels_of[$id]}
	for pair in $wanted; do
		[[ " $have" == *" $pair "* ]] || changes+=(--label-add "$pair")
	done
	for pair in $have; do
		key=${pair%%=*}
		[[ " $wanted" == *" $key="* ]] || changes+=(--label-rm "$key")
	done
	[ ${#changes[@]} -eq 0 ] || write docker node update "${changes[@]}" "$id"
}

# available brings a node to its availability. One that is to be drained is
# waited for; what cannot go from there stops, which is said.
available() {
	local id=$1 want=$2
	[ "${availability_of[$id]}" != "$want" ] || return 0
	if [ "$want" = drain ]; then
		bound "$id" | tell "${name_of[$id]} is drained, and what cannot run elsewhere waits until it is active again"
		drain "$id"
	else
		write docker node update --availability "$want" "$id"
	fi
}

# tell WHAT says the lines on stdin below a first one, if there are any.
tell() {
	local line first=$1
	while read -r line; do
		[ -z "$first" ] || log "$first:"
		first=''
		log "  $line"
	done
}

# majority PROMOTED LEAVING dies where managers that live would at any time be
# too few: a change of roles needs their agreement, and so does everything after.
majority() {
	local why
	why=$(docker node ls -q | xargs docker node inspect | jq -r --arg promoted "$1" --arg leaving "$2" '
		def named: .Spec.Labels.host // .Description.Hostname;
		($promoted / " ") as $promoted | ($leaving / " ") as $leaving |
		[.[] | select(.ManagerStatus)] as $now |
		[.[] | select(.ID | IN($promoted[])) | select(.Status.State == "ready")] as $new |
		($now | map(select(.ManagerStatus.Reachability != "reachable" and (.ID | IN($leaving[]) | not)) | named)) as $away |
		[$now[] | select(.ID | IN($leaving[]))] | sort_by(.ManagerStatus.Reachability == "reachable") |
		reduce .[] as $node (
			{all: ($now + $new | length), live: ($new + ($now | map(select(.ManagerStatus.Reachability == "reachable"))) | length), why: ""};
			.all -= 1 | if $node.ManagerStatus.Reachability == "reachable" then .live -= 1 else . end |
			if .why == "" and .live * 2 <= .all then
				.why = "without \($node | named), \(.live) of \(.all) managers could be reached, which is no majority: bring \($away | join(", ")) back or take it out of skep:hosts first"
			else . end) | .why')
	[ -z "$why" ] || die "$why; nothing was changed"
}

# promote makes a manager of a worker and waits for its vote.
promote() {
	if [ "${state_of[$1]}" = down ]; then
		log "${name_of[$1]} is down; it becomes a manager with the first pulumi up --replace '**swarm-settle' after it is back"
		return 0
	fi
	log "making ${name_of[$1]} a manager"
	write docker node promote "$1"
	wait_until 90 "${name_of[$1]} to be reached as a manager" reachable "$1"
}

# demote takes a manager's vote. One that a swarm rebuilt without it still
# remembers has none.
demote() {
	local said
	log "making ${name_of[$1]} a worker"
	if no_vote "$1"; then
		said=$(docker node demote "$1" 2>&1 >/dev/null) || [[ $said == *memberlist* || $said == *'out of sequence'* ]] || die "docker node demote $1: $said"
		return 0
	fi
	write docker node demote "$1"
	wait_until 90 "the managers to agree that ${name_of[$1]} is none" no_vote "$1"
}

# dead_first prints the nodes, those first that cannot be reached.
dead_first() {
	local id
	for id; do [ "${state_of[$id]}" = ready ] || printf '%s\n' "$id"; done
	for id; do [ "${state_of[$id]}" != ready ] || printf '%s\n' "$id"; done
}

# remove takes out a node, dead or alive: its tasks move first where they can.
# A dead one is kept in mind: should the machine come back, it is to join anew.
remove() {
	local node=$1 name=${name_of[$1]} dead=''
	log "taking $name ($node) out of the swarm"
	ready "$node" || dead=yes
	drain "$node"
	[ "${role_of[$node]}" != manager ] || demote "$node"
	wait_until 60 "node $name to be removed" docker node rm --force "$node"
	[ -z "$dead" ] || forget "$node"
}

# forget notes a node that may still think that it is in the swarm.
forget() {
	docker config inspect "skep-lost-$1" >/dev/null 2>&1 ||
		docker config create --label "skep.lost=$1" "skep-lost-$1" - <<<"$1" >/dev/null
}
