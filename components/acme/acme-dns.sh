#!/usr/bin/env bash
# Answers an ACME challenge at Cloudflare: lego calls it with present or cleanup,
# a name with a dot at its end, and what is to stand there as TXT. Distributions
# build lego without its own provider for Cloudflare, and always with this way.
# shellcheck source-path=SCRIPTDIR/../host source=../host/prelude.sh
. "$(dirname -- "$(readlink -f -- "$0")")/prelude.sh"

dir=$root/etc/skep/acme
api=https://api.cloudflare.com/client/v4
# Authorities may remember an answer for as long, and no longer.
ttl=60
# What was answered in this run, and when; HOME is its folder.
answered=$HOME/answered

# call METHOD PATH CURL-OPTION... prints Cloudflare's answer. The token is in a file.
call() {
	local said what="$1 $2"
	said=$(curl --proto =https --tlsv1.2 --silent --show-error --max-time 30 --retry 3 --request "$1" \
		--header "@$dir/authorization" --header 'Content-Type: application/json' "${@:3}" "$api$2" 2>&1 </dev/null) ||
		die "Cloudflare, $what: $said"
	if ! jq -e .success <<<"$said" >/dev/null 2>&1; then
		die "Cloudflare, $what: $(jq -r '[.errors[] | "\(.message) (\(.code))"] | join("; ")' <<<"$said" 2>/dev/null || cut -c1-200 <<<"$said")"
	fi
	printf '%s' "$said"
}

zone_id() {
	local zone id
	zone=$(sed -n 's/^zone=//p' "$dir/settings")
	id=$(call GET /zones --get --data-urlencode "name=$zone" | jq -r '.result[0].id // empty')
	[ -n "$id" ] || die "Cloudflare shows no zone $zone to skep:acmeToken: the token must be allowed to read zones and to edit the DNS of that one"
	printf '%s' "$id"
}

# found ZONE prints the ids of records with our name and value.
found() {
	call GET "/zones/$1/dns_records" --get --data-urlencode type=TXT --data-urlencode "name=$name" |
		jq -r --arg value "$value" '.result[] | select(.content == $value or .content == "\"\($value)\"") | .id'
}

# present: a domain and its wildcard are asked for by the same name, one after the
# other, and the authority may still remember the first answer.
present() {
	local zone last
	last=$(sed -n "s/^$name //p" "$answered" 2>/dev/null | tail -n1 || true)
	while [ -n "$last" ] && [ $(($(date +%s) - last)) -le "$ttl" ]; do sleep 1; done
	zone=$(zone_id)
	[ -n "$(found "$zone")" ] || call POST "/zones/$zone/dns_records" --data-binary \
		"$(jq -n --arg name "$name" --arg value "$value" --argjson ttl "$ttl" '{type: "TXT", name: $name, content: $value, ttl: $ttl}')" >/dev/null
}

cleanup() {
	local zone id
	printf '%s %s\n' "$name" "$(date +%s)" >>"$answered"
	zone=$(zone_id)
	for id in $(found "$zone"); do call DELETE "/zones/$zone/dns_records/$id" >/dev/null; done
}

[ $# -eq 3 ] || die "usage: ${0##*/} present|cleanup NAME VALUE"
name=${2%.} value=$3
case $1 in
present | cleanup) "$1" ;;
*) die "unknown verb $1: need present or cleanup" ;;
esac
