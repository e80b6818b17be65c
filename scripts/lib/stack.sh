# shellcheck shell=bash
# Reads a stack's outputs. Sourced, never run, after paths.sh and terminal.sh.
#
# The program promises these outputs:
#   domain         "example.com"
#   hosts          name → publicAddress, meshAddress, user, port, hostKey,
#                  role (manager or worker), availability, ingress, labels
#   ca             (may be absent) the certificate of the cluster's authority, PEM
#   swarm          id, managers, workers
#   stacks         name → urls, services
#   peers          (secret) name → WireGuard config
#   sshPrivateKey  (secret, may be absent)
#   unlockKey      (secret, may be absent) what managers that start anew wait for

: "${root:?}" "${work:?}"

# use_stack NAME takes the stack to read: NAME, else $PULUMI_STACK, else the
# one selected in Pulumi. Without a state store in the environment it asks
# scripts/env for the one of that stack.
use_stack() {
	local exports
	stack="${1:-${PULUMI_STACK:-}}"
	if [[ -n "$stack" && -z "${PULUMI_BACKEND_URL:-}" ]]; then
		exports="$("$root/scripts/env" "$stack")" || die "cannot prepare the environment of stack \"$stack\""
		eval "$exports"
	fi
	command -v pulumi >/dev/null || PATH="$work/bin:$PATH"
	command -v pulumi >/dev/null || die "no pulumi on PATH: run make tools"
	command -v jq >/dev/null || die "no jq on PATH: install the package jq"
	cd "$root" || exit
	[[ -n "$stack" ]] || stack="$(pulumi stack --show-name 2>/dev/null)" ||
		die "no stack selected: name one with --stack, or eval \"\$(scripts/env lab)\" first"
}

# shellcheck disable=SC2120 # the flag is optional
# read_outputs [--show-secrets] puts the outputs, as JSON, into $outputs. It
# stays a shell variable: never in a file, an argument or the environment.
read_outputs() {
	outputs="$(pulumi stack output --json --stack "$stack" "$@")" ||
		die "cannot read the outputs of stack \"$stack\"; is it this store's? eval \"\$(scripts/env $stack)\""
	query -e 'type == "object"' >/dev/null || die "stack \"$stack\" has no outputs yet: pulumi up makes them"
}

# query JQ-ARGUMENT… asks $outputs. Not a here-string: bash may write those to
# a file, and the outputs may hold a private key.
query() { printf '%s' "$outputs" | jq "$@"; }

# shellcheck disable=SC2016 # a jq program
# droplet_of HOST prints the URN of its machine, if it is one that Skep makes.
droplet_of() { resource_urns '.type == "digitalocean:index/droplet:Droplet" and (.urn | endswith("::" + $host))' "$1"; }

# resource_urns CONDITION [HOST] prints the URNs of the state's resources for
# which the jq condition, which may name $host, holds.
resource_urns() {
	pulumi stack export --stack "$stack" |
		jq -r --arg host "${2:-}" ".deployment.resources[] | select((.delete | not) and ($1)) | .urn"
}

# pin_host_keys writes the hosts' pinned keys where ssh reads them, by host
# name, and puts the file's path into $known_hosts. Renamed into place: another
# script may be reading it.
pin_host_keys() {
	mkdir -p "$work"
	known_hosts="$work/known_hosts-$stack"
	query -r '.hosts // {} | to_entries[] | select(.value.hostKey) | "\(.key) \(.value.hostKey)"' >"$known_hosts.$$"
	mv "$known_hosts.$$" "$known_hosts"
}
