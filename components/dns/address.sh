#!/usr/bin/env bash
# Keeps one record at this place's address, where that changes: a timer asks
# Cloudflare under which address this host reaches it, and writes that into the
# record, which must be Skep's and the only one of its name.
# Options: --zone ID --name NAME. Stdin: a token that may edit the zone's records.
# shellcheck source-path=SCRIPTDIR source=../host/prelude.sh
. "$(dirname -- "$(readlink -f -- "$0")")/prelude.sh"

units=$root/etc/systemd/system
self=$root/usr/local/lib/skep/address
# The header as curl reads it: a token among its arguments would be everybody's.
header=$root/etc/skep/dns-token
report=$root/var/lib/skep/address
api=https://api.cloudflare.com/client/v4
trace=https://www.cloudflare.com/cdn-cgi/trace
comment='made by Skep'
# So old may what we know of the record be, in minutes, while the address stays.
fresh=1440
# After this time without success, in seconds, check complains.
stale=3600

service_text() {
	cat <<-END
		# Made by Skep.
		[Unit]
		Description=Keep $(option name "$@") at the address of this place
		Wants=network-online.target
		After=network-online.target
		[Service]
		Type=oneshot
		NoNewPrivileges=yes
		TimeoutStartSec=3min
		ExecStart=/bin/bash ${self#"$root"} up --zone $(option zone "$@") --name $(option name "$@")
	END
}

timer_text() {
	cat <<-'END'
		# Made by Skep.
		[Unit]
		Description=Look every five minutes whether the address of this place has changed
		[Timer]
		OnCalendar=*-*-* *:00/5:00 UTC
		RandomizedDelaySec=30
		Persistent=true
		[Install]
		WantedBy=timers.target
	END
}

do_apply() {
	local changed token
	token=$(cat)
	[[ $token =~ ^[A-Za-z0-9_-]{20,}$ ]] || die "stdin is no API token"
	ln -sfn "$(readlink -f -- "$0")" "$self"
	changed=$(printf 'Authorization: Bearer %s\n' "$token" | install_file 600 "$header")
	changed+=$(service_text "$@" | install_file 644 "$units/skep-address.service")
	changed+=$(timer_text | install_file 644 "$units/skep-address.timer")
	timer_on skep-address.timer "$changed"
	# Now too, so that a token that is wrong is told here and not to a journal.
	do_up "$@"
}

# do_up is what the timer starts.
do_up() {
	local address
	address=$(here) || exit 1
	if [ "$(told address)" = "$address" ] && [ -z "$(told error)" ] && [ -n "$(find "$report" -mmin "-$fresh")" ]; then
		return 0
	fi
	record "$(option zone "$@")" "$(option name "$@")" "$address"
	tell "$address" ''
}

# ask ARGS...: curl, over TLS alone.
ask() {
	curl --proto =https --tlsv1.2 --silent --show-error --connect-timeout 10 --max-time 30 --retry 2 --max-filesize 1048576 "$@"
}

# here prints the address under which this place is seen.
here() {
	local said address
	said=$(ask -4 --fail "$trace" 2>&1 </dev/null) || failed "$trace: $said"
	address=$(sed -n 's/^ip=//p' <<<"$said")
	public "$address" || failed "$trace: \"${address:0:50}\" is no public IPv4 address"
	printf '%s' "$address"
}

# public ADDRESS: whether it is one of IPv4 that others can reach.
public() {
	awk -F . '
		function private(a, b) {
			return a == 0 || a == 10 || a == 127 || a >= 224 || a == 100 && b >= 64 && b < 128 || a == 169 && b == 254 ||
				a == 172 && b >= 16 && b < 32 || a == 192 && b == 168
		}
		{ ok = /^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$/ && NF == 4 && $1 < 256 && $2 < 256 && $3 < 256 && $4 < 256 && !private($1 + 0, $2 + 0) }
		END { exit NR == 1 && ok ? 0 : 1 }' <<<"$1"
}

# record ZONE NAME ADDRESS makes the record hold the address.
record() {
	local records="$api/zones/$1/dns_records" answer id content
	answer=$(call GET "$records?type=A&name=$2") || failed "$2: $answer"
	if [ "$(jq '.result | length' <<<"$answer")" != 1 ] || [ "$(jq -r '.result[0].comment' <<<"$answer")" != "$comment" ]; then
		failed "$2: need one A record, made by Skep; there are $(jq '.result | length' <<<"$answer")"
	fi
	id=$(jq -r '.result[0].id' <<<"$answer") content=$(jq -r '.result[0].content' <<<"$answer")
	[ "$content" != "$3" ] || return 0
	[[ $id =~ ^[A-Za-z0-9]+$ ]] || failed "$2: the record's id is malformed"
	answer=$(jq -n --arg content "$3" '{$content}' | call PATCH "$records/$id" --data-binary @-) || failed "$2: $answer"
	[ "$(jq -r '.result.content' <<<"$answer")" = "$3" ] || failed "$2: the record was written and is not $3"
	log "$2 was $content and is $3"
}

# call METHOD URL ARGS... prints the answer, or why there is none that helps.
call() {
	local method=$1 url=$2 answer
	shift 2
	answer=$(ask --request "$method" --header @"$header" --header 'Content-Type: application/json' "$@" "$url" 2>&1) || {
		printf '%s' "$answer"
		return 1
	}
	if [ "$(jq -r '.success' <<<"$answer" 2>/dev/null)" != true ]; then
		printf 'Cloudflare says: %s' "$(jq -r '[.errors[]? | "\(.message) (\(.code))"] | join(", ")' <<<"$answer" 2>/dev/null || echo 'nothing that is JSON')"
		return 1
	fi
	printf '%s' "$answer"
}

failed() {
	log "$*: the record stays as it was"
	tell "$(told address)" "$*"
	exit 1
}

# tell ADDRESS ERROR writes how it went, now and the last time that went well.
tell() {
	local now good
	now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
	good=$now
	[ -z "$2" ] || good=$(told good)
	printf 'checked=%s\ngood=%s\naddress=%s\nerror=%s\n' "$now" "$good" "$1" "$(printf '%s' "$2" | tr -s '[:cntrl:]' ' ' | cut -c1-300)" |
		install_file 644 "$report" >/dev/null
}

# told KEY prints what the file says, or nothing.
told() { sed -n "s/^$1=//p" "$report" 2>/dev/null || true; }

do_check() {
	local good
	same_file "$units/skep-address.service" < <(service_text "$@")
	same_file "$units/skep-address.timer" < <(timer_text)
	[ -e "$self" ] || fault "$self is gone, which the timer starts"
	[ "$(stat -c %a "$header" 2>/dev/null)" = 600 ] || fault "$header is gone, or others may read it"
	systemctl -q is-active skep-address.timer || fault "skep-address.timer does not run"
	systemctl -q is-enabled skep-address.timer || fault "skep-address.timer does not start at boot"
	[ -n "$(told error)" ] || return 0
	good=$(told good)
	if [ -z "$good" ] || [ $(($(date +%s) - $(date -d "$good" +%s))) -ge "$stale" ]; then
		fault "the record has not been looked at since ${good:-the timer was set up}: $(told error)"
	fi
}

do_undo() {
	units_off "$units" skep-address.timer skep-address.service
	rm -f "$self" "$report" "$header"
}

dispatch "$@"
