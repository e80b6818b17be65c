# shellcheck shell=bash
# Part of acme.sh: what all hosts share by the swarm. Its objects of configuration
# are that memory: they outlive any host, and making one with a name that exists
# fails, for everybody but one. Their labels: skep.acme tells what one is (bundle,
# order, failure, host), skep.acme.set for which names and authority.

: "${work=}" "${dir=}" "${here=}" "${unsound=}" "${end=}"

lock=skep-acme-order
failure=skep-acme-failure
# An order ends after $order_limit seconds; a lock that is older than $lock_limit
# is that of a host which died over it.
order_limit=600 lock_limit=900
# After success, the same names are not ordered again within 6 hours, whatever
# happens to the bundle: authorities allow few of them a week.
pause=21600

# objects WHAT [LABEL...] prints the ids of objects, the newest last.
objects() {
	local filters=(--filter "label=skep.acme=$1") label ids
	shift
	for label; do filters+=(--filter "label=$label"); done
	ids=$(docker config ls -q "${filters[@]}") || die "cannot ask the swarm for its objects"
	[ -n "$ids" ] || return 0
	# shellcheck disable=SC2086 # one word per id
	docker config inspect --format '{{.Version.Index}} {{.ID}}' $ids 2>/dev/null | sort -n | cut -d' ' -f2
}

# content ID prints what an object holds, born ID when it was made, label ID NAME.
content() { docker config inspect --format '{{printf "%s" .Spec.Data}}' "$1"; }
born() { docker config inspect --format '{{.CreatedAt.Unix}}' "$1"; }
label() { docker config inspect --format "{{index .Spec.Labels \"$2\"}}" "$1"; }

# drop ID... removes objects that may be gone already. By id, never by name: that
# could be another's by now.
drop() { [ $# -eq 0 ] || docker config rm "$@" >/dev/null 2>&1 || true; }

# newest unpacks the newest bundle for our names to $work/now.crt and .key, or
# leaves none; id is its object.
newest() {
	rm -f "$work"/now.*
	id=$(objects bundle "skep.acme.set=$(setting set)" | tail -n1)
	[ -n "$id" ] || return 0
	content "$id" >"$work/sealed"
	if age --decrypt -i "$dir/bundle.key" -o "$work/open" "$work/sealed" 2>/dev/null; then
		apart "$work/open" "$work/now"
	else
		: >"$work/now.crt" # is there, and is not sound
	fi
	rm -f "$work/open"
}

# order FORCED gets a certificate, or waits for the host that is getting one. What
# goes wrong is in $why.
order() {
	if ! visited; then
		log "no Traefik runs in the swarm, so no certificate is ordered"
		return 0
	fi
	if [ -z "$1" ] && too_soon; then return 0; fi
	if ! claim; then
		await "$1"
		return 0
	fi
	# Between the look and the lock, another may have got one, or failed.
	newest
	if [ -n "$1" ] || { ! lasting "$work/now" && ! too_soon; }; then
		obtain
		newest
	fi
	release
}

# visited says whether anybody is there to show a certificate: where config has no
# route any more, the timers go on.
visited() {
	local service
	service=$(docker service ls -q --filter name=ingress_traefik) || die "cannot ask the swarm for its services"
	[ -n "$service" ]
}

# too_soon says whether an order must wait, and why.
too_soon() {
	local wait
	wait=$(resting)
	[ "$wait" -gt 0 ] || return 1
	why="no new order for another $(((wait + 59) / 60)) minutes: $(last_failure)"
}

# resting prints the seconds until the next order may be: after success as long as
# $pause, after a failure 10 minutes, then twice as long with every further one, up
# to half a day. Another revision of what we were told is a new beginning.
resting() {
	local now last n until=0
	now=$(date +%s)
	if [ -n "$id" ] && ! { [ -s "$work/now.crt" ] && sound "$work/now.crt" "$work/now.key"; }; then
		until=$(($(born "$id") + pause))
	fi
	last=$(objects failure "skep.acme.revision=$(setting revision)" | tail -n1)
	if [ -n "$last" ]; then
		n=$(label "$last" skep.acme.count)
		[ "$n" -le 8 ] || n=8
		local pauses=$((600 << (n - 1)))
		[ "$pauses" -le 43200 ] || pauses=43200
		[ $(($(born "$last") + pauses)) -le "$until" ] || until=$(($(born "$last") + pauses))
	fi
	echo $((until > now ? until - now : 0))
}

last_failure() {
	local last
	last=$(objects failure | tail -n1)
	if [ -n "$last" ]; then
		printf 'on %s, %s' "$(label "$last" skep.acme.host)" "$(content "$last")"
	else
		sound "$work/now.crt" "$work/now.key" || printf 'the last order left none that is any good: %s' "$unsound"
	fi
}

# claim takes the lock. It fails where another host has it, which is at work.
claim() {
	local holder said tries
	for tries in 1 2; do
		if said=$(date -u | docker config create --label skep.acme=order --label "skep.acme.host=$(hostname)" "$lock" - 2>&1); then
			mine=${said##*$'\n'}
			return 0
		fi
		holder=$(docker config inspect --format '{{.ID}}' "$lock" 2>/dev/null) || holder=''
		if [ -z "$holder" ]; then
			[ "$tries" -lt 2 ] || die "cannot take the lock in the swarm: $said"
			continue
		fi
		[ $(($(date +%s) - $(born "$holder"))) -ge "$lock_limit" ] || return 1
		log "$(label "$holder" skep.acme.host) began an order and did not end it: going on in its place"
		drop "$holder"
	done
	return 1
}

release() {
	[ -z "${mine:-}" ] || drop "$mine"
	mine=''
}

unlocked() { ! docker config inspect "$lock"; }

# await waits for whoever holds the lock, and takes what that one got.
await() {
	local before=$id
	(wait_until "$lock_limit" "another host's order" unlocked) || why="another host's order does not end"
	newest
	[ "$id" != "$before" ] || { [ -z "$1" ] && lasting "$work/now"; } || why=${why:-$(last_failure)}
}

# obtain makes the order.
obtain() {
	local said name names=() first
	first=$(wanted | cut -d' ' -f1)
	for name in $(wanted); do names+=(--domains "$name"); done
	account
	if said=$(lego_run "${names[@]}" 2>&1); then
		cat "$work/lego/certificates/${first/\*/_}.crt" "$work/lego/certificates/${first/\*/_}.key" >"$work/got"
		apart "$work/got" "$work/new"
		if sound "$work/new.crt" "$work/new.key"; then
			store
		else
			failed "the authority's certificate was refused: $unsound"
		fi
	else
		failed "$(tail -n 8 <<<"$said" | tr -s '[:cntrl:]' ' ' | sed 's/ *$//' | cut -c1-600)"
	fi
	rm -rf "$work/lego" "$work/got" "$work"/new.*
}

# account lays the account's key where lego looks for it. With nothing else there
# it asks the authority for the account of that key, and only a new key gets a new
# account.
account() {
	local email host
	email=$(setting email)
	host=$(setting directory | sed -e 's|^https://||' -e 's|/.*||' -e 's|:|_|')
	mkdir -p "$work/lego/accounts/$host/$email/keys"
	cp "$dir/account.key" "$work/lego/accounts/$host/$email/keys/$email.key"
}

# lego_run: answers need not wait for one another but where acme-dns.sh says so.
lego_run() {
	local variables=(PATH="$PATH" HOME="$work" EXEC_PATH="${here%.sh}-dns.sh" EXEC_SEQUENCE_INTERVAL=0 EXEC_PROPAGATION_TIMEOUT=180)
	[ ! -s "$dir/ca.pem" ] || variables+=(LEGO_CA_CERTIFICATES="$dir/ca.pem")
	env -i "${variables[@]}" timeout -k 10 "$order_limit" lego --path "$work/lego" --server "$(setting directory)" \
		--email "$(setting email)" --accept-tos --key-type ec256 --dns exec "$@" run </dev/null
}

# store gives the swarm what was got, encrypted: configs are not. It keeps the one
# before, for hosts that are just reading it, and takes the rest away.
store() {
	local digest old=() said
	age --encrypt --armor -R "$dir/bundle.pub" -o "$work/sealed" "$work/got"
	digest=$(sha256sum <"$work/sealed" | cut -c1-16)
	if ! said=$(docker config create --label skep.acme=bundle --label "skep.acme.set=$(setting set)" "skep-acme-$digest" - <"$work/sealed" 2>&1); then
		failed "cannot store the certificate in the swarm: $said"
		return 0
	fi
	log "a new certificate for $(setting names), good until $(date -u -d "@$end" +%Y-%m-%dT%H:%M:%SZ)"
	mapfile -t old < <(objects bundle | head -n -2)
	drop "${old[@]}"
	mapfile -t old < <(objects failure)
	drop "${old[@]}"
}

# failed WHY tells the other hosts too, so that none of them tries too soon.
failed() {
	local old=() n=0
	why="order of $(setting names) from $(setting directory) failed: $1"
	mapfile -t old < <(objects failure)
	if [ ${#old[@]} -gt 0 ] && [ "$(label "${old[-1]}" skep.acme.revision)" = "$(setting revision)" ]; then
		n=$(label "${old[-1]}" skep.acme.count)
	fi
	drop "${old[@]}"
	printf '%s' "$why" | docker config create --label skep.acme=failure --label "skep.acme.revision=$(setting revision)" \
		--label "skep.acme.count=$((n + 1))" --label "skep.acme.host=$(hostname)" "$failure" - >/dev/null || true
}

# enlist and withdraw: the last host that leaves takes the swarm's objects with it.
enlist() {
	local node
	node=$(docker info --format '{{.Swarm.NodeID}}')
	[ "$(docker info --format '{{.Swarm.ControlAvailable}}')" = true ] ||
		die "this host does not manage the swarm, by whose managers certificates travel: with ACME, hosts that take visitors must be managers"
	docker config inspect "skep-acme-host-$node" >/dev/null 2>&1 ||
		hostname | docker config create --label skep.acme=host "skep-acme-host-$node" - >/dev/null
}

withdraw() {
	local node nodes name all
	node=$(docker info --format '{{.Swarm.NodeID}}' 2>/dev/null) || return 0
	nodes=$(docker node ls -q 2>/dev/null) || return 0
	drop "skep-acme-host-$node"
	for name in $(docker config ls --filter label=skep.acme=host --format '{{.Name}}'); do
		[[ $nodes != *"${name#skep-acme-host-}"* ]] || return 0
	done
	mapfile -t all < <(docker config ls -q --filter label=skep.acme)
	drop "${all[@]}"
}
