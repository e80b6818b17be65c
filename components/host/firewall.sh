#!/usr/bin/env bash
# Keeps our nftables table in force. New rules are on trial: unless a new SSH
# connection confirms them within a minute, a timer takes them back.
#
#   apply [FILE]              tries FILE (default: firewall.nft beside this)
#   confirm DIGEST COMMAND…   confirms the rules of that digest, then runs COMMAND
#   rollback                  what the timer runs
#   ranges FILE               web ports are for the ranges in FILE, one a line
#   check, undo
# shellcheck source-path=SCRIPTDIR source=prelude.sh
. "${0%/*}/prelude.sh"

# Below the tests' own folder when there are fakes.
root=${SKEP_FAKES:+$SKEP_FAKES/root}
dir=$root/etc/skep/firewall
rules=$dir/rules.nft         # confirmed
web=$dir/web.nft             # web ranges that this host fetched after those came: they count
boot=$dir/boot.nft           # both: what a boot loads
candidate=$dir/candidate.nft # brought last
print=$dir/table             # what the kernel makes of the confirmed rules
unit=$root/etc/systemd/system/skep-firewall.service
run=$root/run/skep-firewall
trial=$run/trial # there while rules are on trial: the connection that brought them
timer=skep-firewall-rollback
trial_limit=60 proof_limit=${SKEP_PROOF_LIMIT:-10}

do_apply() {
	local source=${1:-${0%/*}/firewall.nft}
	[ -s "$source" ] || die "no rules at $source"
	alone
	install_file 600 "$candidate" <"$source" >/dev/null
	nft -c -f "$candidate" || die "nft refuses the rules; nothing was changed"
	apart
	if cmp -s "$candidate" "$rules"; then
		# Proven before: what a boot does without asking, too.
		end_trial
		in_force || load || die "nft cannot load $boot"
		keep
		return 0
	fi
	try_rules
}

# apart refuses rules that take for the mesh's a range which this host is in
# without it: they would drop all that comes from there.
apart() {
	local device range taken
	device=$(sed -n 's/.*iifname "\(.*\)" jump mesh$/\1/p' "$candidate")
	for range in $(sed -n '/set mesh4 /,/}/s/.*elements = {\(.*\)}/\1/p' "$candidate" | tr , ' '); do
		taken=$(ip -4 -o route show root "$range" | grep -vw "dev $device" | head -n1) || true
		[ -z "$taken" ] || die "$range is to be reached over the mesh alone (skep:networks.mesh, or networks in skep:mesh.peers), but this host is in it itself: $taken; nothing was changed"
	done
}

# alone keeps two of us apart. Not for ever: nothing may keep the timer from
# taking rules back.
alone() {
	mkdir -p "$run"
	exec 9>"$run/lock"
	flock -w 30 9 || log "another run of this script hangs; going on"
}

# try_rules puts the candidate in force, to be taken back by the timer. The
# timer comes first: whatever happens to us then, it runs.
try_rules() {
	local connection
	connection=$(session)
	end_trial
	systemctl reset-failed "$timer.service" 2>/dev/null || true
	systemd-run --quiet --collect --unit="$timer" --on-active="$trial_limit" --timer-property=AccuracySec=1s \
		bash "$(readlink -f -- "$0")" rollback </dev/null || die "cannot arm the timer that takes rules back; nothing was changed"
	printf '%s\n' "$connection" | install_file 600 "$trial" >/dev/null
	if ! nft -f "$candidate"; then
		take_back
		die "nft cannot load the rules; those before are in force"
	fi
	if ! alive "$connection"; then
		take_back
		rm -f "$candidate"
		die "the new rules would lock out SSH from ${connection%% *}: nothing came from there while they were in force, so those before are back. Is that address in skep:admins, and the SSH port of this host the right one in config?"
	fi
}

# session prints the SSH connection that we run on, as "CLIENT PORT SERVER PORT",
# or nothing. sudo drops the variable, so the first process above us that has it
# counts.
session() {
	local pid=$$ found
	while [ "${pid:-0}" -gt 0 ]; do
		found=$({ tr '\0' '\n' <"/proc/$pid/environ" | sed -n 's/^SSH_CONNECTION=//p'; } 2>/dev/null) || found=''
		if [ -n "$found" ]; then
			printf '%s\n' "$found"
			return 0
		fi
		pid=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null) || pid=0
	done
}

# alive CONNECTION: whether its other end still reaches us. The rules decide SSH
# packet by packet, and so also those that acknowledge what we say here.
alive() {
	local before end
	before=$(acknowledged "$1")
	# Not over SSH, or a connection that ends elsewhere: a new one must tell.
	[ -n "$before" ] || return 0
	end=$((SECONDS + proof_limit))
	log "the rules are on trial" # what is said is what the other end acknowledges
	while [ "$SECONDS" -lt "$end" ]; do
		sleep 0.1
		[ "$(acknowledged "$1")" = "$before" ] || return 0
	done
	return 1
}

# acknowledged CONNECTION: how many bytes its other end has acknowledged.
acknowledged() {
	local client port here
	read -r client port _ here <<<"$1" || true
	[ -n "$client" ] || return 0
	[[ $client != *:* ]] || client="[${client%%%*}]"
	ss -Hoti state established dst "$client" "( sport = :$here and dport = :$port )" 2>/dev/null |
		sed -n 's/.*bytes_acked:\([0-9]*\).*/\1/p' | head -n1
}

# combine writes what a boot loads.
combine() { { cat "$rules" && if [ -e "$web" ]; then cat "$web"; fi; } | install_file 600 "$boot" >/dev/null; }

# load puts what was confirmed in force, in one transaction.
load() { combine && nft -f "$boot"; }

# end_trial takes the timer away and leaves the rules.
end_trial() {
	rm -f "$trial"
	systemctl stop "$timer.timer" 2>/dev/null || true
}

# take_back puts the confirmed rules in force, or none where there are none yet.
# If they cannot be loaded an open host is better than one that nobody reaches.
take_back() {
	[ -s "$rules" ] && load || nft delete table inet skep 2>/dev/null || true
	end_trial
}

do_rollback() {
	alone
	[ -e "$trial" ] || return 0
	log "no new SSH connection has confirmed the rules in $trial_limit s: taking them back"
	take_back
}

# do_confirm: that somebody could connect under the new rules is the proof.
do_confirm() {
	local want=$1 have
	shift
	alone
	if [ "$(digest "$rules")" != "$want" ] || [ -e "$trial" ]; then
		[ "$(digest "$candidate")" = "$want" ] || die "this host was given other firewall rules than those to confirm: run pulumi up again, with --replace '**-base' if that changes nothing"
		have=$(session)
		[ -n "$have" ] || die "rules can be confirmed over SSH only"
		if [ ! -e "$trial" ]; then
			# Nobody came in time, or a reboot came between.
			log "the rules had been taken back, as no new connection came in $trial_limit s: trying again"
			try_rules
		elif [ "$have" = "$(cat "$trial")" ]; then
			die "the connection that brought the rules cannot confirm them: it takes a new one"
		fi
		# The web ranges of new rules are younger than what was fetched before.
		rm -f "$web"
		install_file 600 "$rules" <"$candidate" >/dev/null
		end_trial
		keep
		log "the firewall's rules are confirmed"
	fi
	exec 9>&-
	"$@"
}

digest() { if [ -e "$1" ]; then sha256sum "$1" | cut -c1-10; fi; }

# keep makes a boot load the confirmed rules, before any network and so before
# Docker, and notes what the kernel makes of them.
keep() {
	local changed
	combine
	changed=$(unit_text | install_file 644 "$unit")
	[ -z "$changed" ] || systemctl daemon-reload
	systemctl -q enable skep-firewall.service
	systemctl start skep-firewall.service || die "skep-firewall.service does not start; see: journalctl -u skep-firewall"
	note
}

note() { nft -s list table inet skep | install_file 600 "$print" >/dev/null; }

# unit_text: PartOf, since a restart of nftables.service flushes every table.
unit_text() {
	cat <<-END
		# Made by Skep.
		[Unit]
		Description=Firewall of the swarm's host
		DefaultDependencies=no
		Wants=network-pre.target
		After=local-fs.target nftables.service
		Before=network-pre.target docker.service shutdown.target
		Conflicts=shutdown.target
		PartOf=nftables.service
		[Service]
		Type=oneshot
		RemainAfterExit=yes
		ExecStart=$(command -v nft) -f $boot
		[Install]
		WantedBy=sysinit.target
	END
}

# do_ranges puts other web ranges in force, in one transaction. What somebody
# changed by hand stays a fault for check to find, so only a table that was as
# it should be is noted anew.
do_ranges() {
	local text whole='' fresh=$web.new
	text=$(ranges_text "$1")
	alone
	[ -s "$rules" ] || die "no rules have been confirmed yet"
	[ ! -e "$trial" ] || die "rules are on trial: the ranges have to wait"
	if in_force; then whole=yes; fi
	printf '%s\n' "$text" | install_file 600 "$fresh" >/dev/null
	if [ -n "$whole" ] && cmp -s "$fresh" "$web"; then
		rm -f "$fresh"
		return 0
	fi
	if ! nft -f "$fresh"; then
		rm -f "$fresh"
		die "nft refuses the ranges; those before are in force"
	fi
	mv -f "$fresh" "$web"
	combine
	if [ -n "$whole" ]; then note; fi
}

ranges_text() {
	local four six
	four=$({ grep -v : "$1" || true; } | sort -u | paste -sd,)
	six=$({ grep : "$1" || true; } | sort -u | paste -sd,)
	if [ -z "$four" ] || [ -z "$six" ]; then die "$1 lacks the ranges of a family"; fi
	printf 'flush set inet skep web4\nflush set inet skep web6\n'
	printf 'add element inet skep web4 { %s }\nadd element inet skep web6 { %s }\n' "$four" "$six"
}

in_force() { [ -s "$print" ] && nft -s list table inet skep 2>/dev/null | cmp -s - "$print"; }

do_check() {
	[ ! -e "$trial" ] || die "the rules are on trial"
	[ -s "$rules" ] || die "no rules have been confirmed"
	cmp -s "$candidate" "$rules" || die "the rules brought last were taken back"
	cmp -s <(cat "$rules" "$web" 2>/dev/null) "$boot" || die "$boot is not what was confirmed: a boot would load other rules"
	systemctl -q is-enabled skep-firewall.service || die "skep-firewall.service is not enabled: a boot would load no rules"
	in_force || die "the table in force is not the one that was confirmed"
}

do_undo() {
	alone
	end_trial
	systemctl -q disable --now skep-firewall.service 2>/dev/null || true
	nft delete table inet skep 2>/dev/null || true
	rm -rf "$dir" "$unit"
	systemctl daemon-reload
}

dispatch "$@"
