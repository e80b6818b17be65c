#!/usr/bin/env bash
# Keeps the ranges from which visitors come, those of Cloudflare's proxies, as
# young as Cloudflare's own list: a timer fetches it, and puts it in force when
# it is sound. Whatever is wrong with it, the ranges before stay in force, and
# it is told: in the journal, and in a file for whoever asks (report, below).
# Option: --ranges URL (of the folder that has ips-v4 and ips-v6); without it, off.
# shellcheck source-path=SCRIPTDIR source=prelude.sh
. "$(dirname -- "$(readlink -f -- "$0")")/prelude.sh"

units=$root/etc/systemd/system
# Fixed names for the unit, so that new versions of the scripts change none.
self=$root/usr/local/lib/skep/ranges
firewall=$root/usr/local/lib/skep/firewall
report=$root/var/lib/skep/ranges
# No list has had fewer (15 and 7) or wider (/13 and /29) ones in many years.
least_four=5 least_six=3 widest_four=10 widest_six=20
# After this time without a sound list, check complains.
stale=259200

service_text() {
	cat <<-END
		# Made by Skep.
		[Unit]
		Description=Fetch the ranges that visitors come from
		Wants=network-online.target
		After=network-online.target skep-firewall.service
		[Service]
		Type=oneshot
		NoNewPrivileges=yes
		TimeoutStartSec=5min
		ExecStart=/bin/bash ${self#"$root"} up --ranges $(option ranges "$@")
	END
}

timer_text() {
	cat <<-'END'
		# Made by Skep.
		[Unit]
		Description=Fetch the ranges that visitors come from, four times a day
		[Timer]
		OnCalendar=*-*-* 00/6:00:00 UTC
		RandomizedDelaySec=1h
		Persistent=true
		[Install]
		WantedBy=timers.target
	END
}

do_apply() {
	local changed
	if [ -z "$(option ranges "$@")" ]; then
		do_undo
		return 0
	fi
	ln -sfn "$(readlink -f -- "$0")" "$self"
	changed=$(service_text "$@" | install_file 644 "$units/skep-ranges.service")
	changed+=$(timer_text | install_file 644 "$units/skep-ranges.timer")
	timer_on skep-ranges.timer "$changed"
}

# do_up is what the timer starts.
do_up() {
	local url list said
	url=$(option ranges "$@")
	list=$(mktemp -d)
	# shellcheck disable=SC2064 # the folder of now
	trap "rm -rf '$list'" EXIT
	fetch "$url/ips-v4" "$list/four"
	fetch "$url/ips-v6" "$list/six"
	sound "$url/ips-v4" "$list/four" four
	sound "$url/ips-v6" "$list/six" six
	cat "$list/four" "$list/six" >"$list/all"
	said=$(bash "$firewall" ranges "$list/all" 2>&1) || failed "$said"
	tell ''
}

# fetch URL FILE: over TLS alone, since who writes this list opens our ports.
fetch() {
	local said
	said=$(curl --proto =https --tlsv1.2 --fail --silent --show-error --connect-timeout 10 --max-time 30 --retry 2 \
		--max-filesize 65536 --output "$2" "$1" 2>&1 </dev/null) || failed "$1: $said"
	# The last line may lack its end.
	{ [ -e "$2" ] && echo >>"$2"; } || failed "$1: the answer is empty"
	sed -i -e 's/[[:space:]]*$//' -e '/^$/d' "$2"
}

# sound URL FILE four|six ends this run where FILE cannot be Cloudflare's list.
sound() {
	local said
	said=$("unsound_$3" "$2") || failed "$1: cannot check the list"
	[ -z "$said" ] || failed "$1: $said"
}

# unsound_four FILE says what is wrong with a list of IPv4 ranges, or nothing.
unsound_four() {
	awk -F '[./]' -v least="$least_four" -v widest="$widest_four" '
		function fault(why) { printf "line %d, \"%.50s\": %s", NR, $0, why; bad = 1; exit }
		function number(a, b, c, d) { return ((a * 256 + b) * 256 + c) * 256 + d }
		function reserved(a, b, bits) { from[++many] = number(a, b, 0, 0); to[many] = from[many] + 2 ^ (32 - bits) }
		BEGIN {
			reserved(0, 0, 8); reserved(10, 0, 8); reserved(100, 64, 10); reserved(127, 0, 8); reserved(169, 254, 16)
			reserved(172, 16, 12); reserved(192, 168, 16); reserved(224, 0, 3)
		}
		!/^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+\/[0-9]+$/ || length($0) > 18 || $1 > 255 || $2 > 255 || $3 > 255 || $4 > 255 || $5 > 32 {
			fault("no IPv4 range")
		}
		$5 < widest { fault("wider than /" widest) }
		{
			size = 2 ^ (32 - $5); start = number($1, $2, $3, $4)
			if (start % size) fault("has host bits")
			for (i = 1; i <= many; i++) if (start < to[i] && from[i] < start + size) fault("is private or reserved")
		}
		END { if (!bad && NR < least) printf "only %d ranges, need %d or more", NR, least }' "$1"
}

# unsound_six: what nft makes of the rest of an address, it says itself.
unsound_six() {
	awk -F / -v least="$least_six" -v widest="$widest_six" '
		function fault(why) { printf "line %d, \"%.50s\": %s", NR, $0, why; bad = 1; exit }
		!/^[0-9a-fA-F:]+\/[0-9]+$/ || !/:/ || length($0) > 43 || $2 > 128 { fault("no IPv6 range") }
		!/^[23][0-9a-fA-F][0-9a-fA-F][0-9a-fA-F]:/ { fault("is no public address") }
		$2 < widest { fault("wider than /" widest) }
		END { if (!bad && NR < least) printf "only %d ranges, need %d or more", NR, least }' "$1"
}

failed() {
	log "$*: the ranges before stay in force"
	tell "$*"
	exit 1
}

# tell ERROR writes the file that says how it went: of now, and of the last time
# that went well.
tell() {
	local now good
	now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
	good=$now
	[ -z "$1" ] || good=$(told good)
	printf 'checked=%s\ngood=%s\nerror=%s\n' "$now" "$good" "$(printf '%s' "$1" | tr -s '[:cntrl:]' ' ' | cut -c1-300)" |
		install_file 644 "$report" >/dev/null
}

# told KEY prints what the file says, or nothing.
told() { sed -n "s/^$1=//p" "$report" 2>/dev/null || true; }

do_check() {
	local good
	if [ -z "$(option ranges "$@")" ]; then
		[ ! -e "$units/skep-ranges.timer" ] || fault "skep-ranges.timer is there, though visitors may come from everywhere"
		return 0
	fi
	same_file "$units/skep-ranges.service" < <(service_text "$@")
	same_file "$units/skep-ranges.timer" < <(timer_text)
	[ -e "$self" ] || fault "$self is gone, which the timer starts"
	systemctl -q is-active skep-ranges.timer || fault "skep-ranges.timer does not run"
	systemctl -q is-enabled skep-ranges.timer || fault "skep-ranges.timer does not start at boot"
	[ -e "$report" ] || return 0 # its time has not come yet
	good=$(told good)
	[ -n "$(told error)" ] || return 0
	if [ -z "$good" ] || [ $(($(date +%s) - $(date -d "$good" +%s))) -ge "$stale" ]; then
		fault "no sound list of ranges since ${good:-the timer was set up}: $(told error)"
	fi
}

do_undo() {
	units_off "$units" skep-ranges.timer skep-ranges.service
	rm -f "$self" "$report"
	rmdir "${report%/*}" 2>/dev/null || true
}

dispatch "$@"
