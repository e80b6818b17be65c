#!/usr/bin/env bash
# Gets certificates from an ACME authority, one order for all hosts that take
# visitors, and puts them where Traefik watches. A timer runs it on each of those
# hosts, which are managers: whichever finds the certificate due takes the order's
# lock in the swarm, and stores what it gets there, encrypted, for all.
# Apply reads what it needs on stdin, as files of an archive (acme.go); nothing
# there switches it off. Option of up: --renew now, whatever the certificate says.
# shellcheck source-path=SCRIPTDIR/../host source=../host/prelude.sh
. "$(dirname -- "$(readlink -f -- "$0")")/prelude.sh"
here=$(readlink -f -- "$0")
# shellcheck source-path=SCRIPTDIR source=acme-bundle.sh
. "${here%.sh}-bundle.sh"
# shellcheck source-path=SCRIPTDIR source=acme-order.sh
. "${here%.sh}-order.sh"

units=$root/etc/systemd/system
dir=$root/etc/skep/acme
report=$root/var/lib/skep/acme
turn=$root/run/skep-acme.lock
# A fixed name for the unit, so that a new version of this script changes none.
self=$root/usr/local/lib/skep/acme
# What apply may be given.
files=(settings account.key bundle.key bundle.pub authorization ca.pem)

service_text() {
	cat <<-END
		# Made by Skep.
		[Unit]
		Description=Keep the certificate for visitors young
		Wants=network-online.target
		After=network-online.target docker.service
		[Service]
		Type=oneshot
		NoNewPrivileges=yes
		TimeoutStartSec=20min
		ExecStart=/bin/bash ${self#"$root"} up
	END
}

timer_text() {
	cat <<-'END'
		# Made by Skep.
		[Unit]
		Description=Look every hour whether the certificate for visitors is due
		[Timer]
		OnBootSec=2min
		OnCalendar=hourly
		RandomizedDelaySec=10min
		[Install]
		WantedBy=timers.target
	END
}

do_apply() {
	local changed
	umask 077
	unpack
	if [ ! -s "$dir/settings" ]; then
		[ ! -e "$units/skep-acme.timer" ] || do_undo
		rm -rf "$dir"
		return 0
	fi
	packages
	enlist
	mkdir -p "${self%/*}"
	ln -sfn "$here" "$self"
	chmod 700 "${here%.sh}-dns.sh" # lego runs it
	changed=$(service_text | install_file 644 "$units/skep-acme.service")
	changed+=$(timer_text | install_file 644 "$units/skep-acme.timer")
	timer_on skep-acme.timer "$changed"
	# In a process of its own, for its exit status; it tells why itself.
	bash "$here" up </dev/null >&2 || covered ||
		die "no certificate for $(setting names): $(told error). Once that is right, run pulumi up again; until then the timer skep-acme tries again by itself, less and less often"
}

# unpack brings the folder to what stdin holds, and takes away what it does not.
unpack() {
	local name new
	mkdir -p "$dir"
	new=$(mktemp -d "$dir/new.XXXXXX")
	awk -v dir="$new/" '/^@@skep /{sub(/.*\//, "", $2); f = dir $2; next} f {print >f}'
	for name in "${files[@]}"; do
		if [ -s "$new/$name" ]; then
			install_file 600 "$dir/$name" <"$new/$name" >/dev/null
		else
			rm -f "$dir/$name"
		fi
	done
	rm -rf "$new"
}

setting() { sed -n "s/^$1=//p" "$dir/settings"; }

packages() {
	local need=()
	command -v lego >/dev/null || need+=(lego)
	command -v age >/dev/null || need+=(age)
	command -v openssl >/dev/null || need+=(openssl)
	[ ${#need[@]} -gt 0 ] || return 0
	log "installing ${need[*]}"
	apt_get update
	apt_get install -y --no-install-recommends "${need[@]}"
}

# do_up is what the timer starts.
do_up() {
	[ -s "$dir/settings" ] || die "nothing was applied here: $dir/settings is missing"
	umask 077
	why='' mine='' whole=''
	mkdir -p "${turn%/*}"
	work=$(mktemp -d "${turn%/*}/skep-acme.XXXXXX")
	trap wind_up EXIT
	exec 9>"$turn"
	flock -w 900 9 || die "another run on this host does not end; see: systemctl status skep-acme"
	newest
	if [ -n "$(option renew "$@")" ] || ! lasting "$work/now"; then order "$(option renew "$@")"; fi
	put_in_place
	whole=yes
	tell
	[ -z "$why" ] || die "$why"
}

# wind_up is for a run that ends early too, where the swarm has no majority or
# time is up.
wind_up() {
	release
	if [ -z "$whole" ]; then
		why=${why:-"the run ended early; see: journalctl -u skep-acme"}
		tell
	fi
	rm -rf "$work"
}

# tell writes the file that says how it went: of now, of the last time that went
# well, and until when the certificate here is good.
tell() {
	local now good until=''
	now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
	good=$now
	[ -z "$why" ] || good=$(told good)
	if installed && look "$(current crt)"; then until=$(date -u -d "@$end" +%Y-%m-%dT%H:%M:%SZ); fi
	printf 'checked=%s\ngood=%s\nuntil=%s\nnames=%s\nerror=%s\n' "$now" "$good" "$until" "$(setting names)" "$why" |
		install_file 644 "$report" >/dev/null
	chmod 755 "${report%/*}"
}

# told KEY prints what that file says, or nothing.
told() { sed -n "s/^$1=//p" "$report" 2>/dev/null || true; }

# covered says whether the certificate in place is good for the names.
covered() { installed && sound "$(current crt)" "$(current key)"; }

do_check() {
	local left
	if [ ! -s "$dir/settings" ]; then
		[ ! -e "$units/skep-acme.timer" ] || fault "skep-acme.timer is there, though no ACME authority is used"
		return 0
	fi
	same_file "$units/skep-acme.service" < <(service_text)
	same_file "$units/skep-acme.timer" < <(timer_text)
	[ -e "$self" ] || fault "$self is gone, which the timer starts"
	systemctl -q is-active skep-acme.timer || fault "skep-acme.timer does not run"
	systemctl -q is-enabled skep-acme.timer || fault "skep-acme.timer does not start at boot"
	[ -z "$(told error)" ] || fault "the last run failed: $(told error)"
	if ! installed; then
		fault "no certificate is in place"
		return 0
	fi
	if ! covered; then
		fault "the certificate in place: $unsound"
		return 0
	fi
	left=$((end - $(date +%s)))
	# A sixth of its life for those that are short.
	[ "$left" -ge 1209600 ] || [ "$left" -ge $(((end - begin) / 6)) ] ||
		fault "the certificate in place is good for $((left / 86400)) more days only"
}

do_undo() {
	units_off "$units" skep-acme.timer skep-acme.service
	rm -f "$dynamic/acme.yaml"
	rm -f "$certs"/acme-*
	withdraw
	rm -rf "$dir" "$report" "$self" "$turn"
}

dispatch "$@"
