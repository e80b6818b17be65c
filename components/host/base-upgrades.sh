#!/usr/bin/env bash
# Installs security upgrades by a timer, and reboots where one asks for it, in
# the host's own slot of the window: no two managers share one, and none reboots
# while another is away. Options: --maintenance HH:MM (UTC), --reboot yes|no.
# shellcheck source-path=SCRIPTDIR source=prelude.sh
. "$(dirname -- "$(readlink -f -- "$0")")/prelude.sh"

units=$root/etc/systemd/system
apt=$root/etc/apt/apt.conf.d/60skep
# A fixed name for the unit, so that a new version of this script changes none.
self=$root/usr/local/lib/skep/upgrades

# Which upgrades are for security is the distribution's to say
# (50unattended-upgrades).
apt_text() {
	cat <<-'END'
		// Made by Skep. skep-upgrades.timer does it, in the host's own slot.
		APT::Periodic::Update-Package-Lists "1";
		APT::Periodic::Unattended-Upgrade "0";
		APT::Periodic::AutocleanInterval "7";
		Unattended-Upgrade::Automatic-Reboot "false";
		Unattended-Upgrade::MinimalSteps "true";
		Unattended-Upgrade::Remove-Unused-Kernel-Packages "true";
	END
}

service_text() {
	cat <<-END
		# Made by Skep.
		[Unit]
		Description=Security upgrades, and a reboot where they need one
		Wants=network-online.target
		After=network-online.target docker.service apt-daily.service
		[Service]
		Type=oneshot
		Nice=10
		TimeoutStartSec=1h
		ExecStart=/bin/bash ${self#"$root"} up --reboot $(option reboot "$@")
	END
}

# timer_text: a slot that passed while the machine was off is not made up for,
# since it would be made up for in somebody else's.
timer_text() {
	cat <<-END
		# Made by Skep.
		[Unit]
		Description=Security upgrades in this host's slot of the window
		[Timer]
		OnCalendar=*-*-* $(option maintenance "$@"):00 UTC
		AccuracySec=1s
		Persistent=false
		[Install]
		WantedBy=timers.target
	END
}

do_apply() {
	local changed
	[[ $(option maintenance "$@") =~ ^[0-2][0-9]:[0-5][0-9]$ ]] || die "--maintenance is $(option maintenance "$@"): need HH:MM"
	apt_text | install_file 644 "$apt" >/dev/null
	ln -sfn "$(readlink -f -- "$0")" "$self"
	changed=$(service_text "$@" | install_file 644 "$units/skep-upgrades.service")
	changed+=$(timer_text "$@" | install_file 644 "$units/skep-upgrades.timer")
	timer_on skep-upgrades.timer "$changed"
}

# do_up is what the timer starts.
do_up() {
	apt_get update || log "the package lists are those of an earlier day"
	# Where there is needrestart, as on Ubuntu, services take up new libraries now;
	# Docker and networks it leaves alone.
	unset NEEDRESTART_SUSPEND
	export NEEDRESTART_MODE=a
	unattended-upgrade || log "not all upgrades went in; see /var/log/unattended-upgrades"
	[ -e "$root/run/reboot-required" ] || [ -e "$root/var/run/reboot-required" ] || return 0
	if [ "$(option reboot "$@")" != yes ]; then
		log "an upgrade asks for a reboot, which is left to people (skep:upgrades.reboot)"
		return 0
	fi
	managers_whole || {
		log "an upgrade asks for a reboot, but another manager is away: trying again tomorrow"
		return 0
	}
	log "rebooting for an upgrade"
	systemctl reboot
}

# managers_whole says whether the swarm can do without this host for a while. A
# worker cannot know, and need not: it has no vote.
managers_whole() {
	local state managers
	state=$(docker info --format '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}' 2>/dev/null) || return 0
	[ "$state" = 'active true' ] || return 0
	managers=$(docker node ls --filter role=manager --format '{{.ManagerStatus}}') || return 1
	! grep -qvE '^(Leader|Reachable)$' <<<"$managers"
}

do_check() {
	same_file "$apt" < <(apt_text)
	same_file "$units/skep-upgrades.service" < <(service_text "$@")
	same_file "$units/skep-upgrades.timer" < <(timer_text "$@")
	[ -e "$self" ] || fault "$self is gone, which the timer starts"
	systemctl -q is-active skep-upgrades.timer || fault "skep-upgrades.timer does not run"
	systemctl -q is-enabled skep-upgrades.timer || fault "skep-upgrades.timer does not start at boot"
}

do_undo() {
	units_off "$units" skep-upgrades.timer skep-upgrades.service
	rm -f "$apt" "$self"
}

dispatch "$@"
