#!/usr/bin/env bash
# A timer that removes unused images and build cache, on the host and not in a
# container that would need the engine's socket. Never volumes: those are data.
# shellcheck source-path=SCRIPTDIR source=prelude.sh
. "${0%/*}/prelude.sh"

units=$root/etc/systemd/system
# Younger ones stay: a deploy may be about to use them.
age=168h

service_text() {
	cat <<-END
		# Made by Skep.
		[Unit]
		Description=Remove unused images and build cache
		Requisite=docker.service
		After=docker.service
		[Service]
		Type=oneshot
		Nice=10
		NoNewPrivileges=yes
		TimeoutStartSec=30min
		ExecStart=/usr/bin/docker image prune --all --force --filter until=$age
		ExecStart=-/usr/bin/docker builder prune --all --force --filter until=$age
	END
}

timer_text() {
	cat <<-'END'
		# Made by Skep.
		[Unit]
		Description=Remove unused images and build cache every night
		[Timer]
		OnCalendar=*-*-* 00:00:00 UTC
		RandomizedDelaySec=2h
		Persistent=true
		[Install]
		WantedBy=timers.target
	END
}

do_apply() {
	local changed
	changed=$(service_text | install_file 644 "$units/skep-prune.service")
	changed+=$(timer_text | install_file 644 "$units/skep-prune.timer")
	timer_on skep-prune.timer "$changed"
}

do_check() {
	same_file "$units/skep-prune.service" < <(service_text)
	same_file "$units/skep-prune.timer" < <(timer_text)
	systemctl -q is-active skep-prune.timer || fault "skep-prune.timer does not run"
	systemctl -q is-enabled skep-prune.timer || fault "skep-prune.timer does not start at boot"
}

do_undo() { units_off "$units" skep-prune.timer skep-prune.service; }

dispatch "$@"
