#!/usr/bin/env bash
# A timer that restarts Docker when its swarm is stuck in error, as one may be
# whose address came late (moby#30190). The timer calls it with watch.
# shellcheck source-path=SCRIPTDIR/../host source=../host/prelude.sh
. "${0%/*}/prelude.sh"

units=$root/etc/systemd/system
run=$root/run/skep
# A fixed name for the unit, so that a new version of this script changes none.
self=$root/usr/local/lib/skep/swarm-watch

service_text() {
	cat <<-END
		# Made by Skep.
		[Unit]
		Description=Restart Docker when its swarm is stuck in error
		[Service]
		Type=oneshot
		ExecStart=/bin/bash $self watch
		# It runs often: only what it does is worth a line.
		SyslogLevel=warning
		LogLevelMax=notice
	END
}

timer_text() {
	printf '# Made by Skep.\n[Unit]\nDescription=Look whether the swarm is stuck\n'
	printf '[Timer]\nOnActiveSec=30\nOnUnitActiveSec=30\nAccuracySec=5\n[Install]\nWantedBy=timers.target\n'
}

do_apply() {
	local changed
	mkdir -p "${self%/*}"
	ln -sfn "$(readlink -f -- "$0")" "$self"
	changed=$(service_text | install_file 644 "$units/skep-swarm-watch.service")
	changed+=$(timer_text | install_file 644 "$units/skep-swarm-watch.timer")
	timer_on skep-swarm-watch.timer "$changed"
}

# do_watch restarts Docker when its swarm has been in error for a minute, at
# most once an hour: whatever is wrong, a loop of restarts would be worse.
do_watch() {
	local now since last
	mkdir -p "$run"
	if [ "$(timeout 20 docker info --format '{{.Swarm.LocalNodeState}}' 2>/dev/null)" != error ]; then
		rm -f "$run/swarm-error"
		return
	fi
	# The clock since boot: that of the day may jump when it is set.
	read -r now _ </proc/uptime
	now=${now%.*}
	[ -e "$run/swarm-error" ] || echo "$now" >"$run/swarm-error"
	read -r since <"$run/swarm-error"
	last=$(cat "$run/docker-restarted" 2>/dev/null || echo -3600)
	[ $((now - since)) -ge 60 ] && [ $((now - last)) -ge 3600 ] || return 0
	echo "$now" >"$run/docker-restarted"
	rm -f "$run/swarm-error"
	log "the swarm has been in error for a minute: restarting Docker"
	systemctl restart docker.service
}

do_check() {
	same_file "$units/skep-swarm-watch.service" < <(service_text)
	same_file "$units/skep-swarm-watch.timer" < <(timer_text)
	systemctl -q is-active skep-swarm-watch.timer || fault "skep-swarm-watch.timer does not run"
}

do_undo() {
	units_off "$units" skep-swarm-watch.timer skep-swarm-watch.service
	rm -rf "$run" "$self"
}

dispatch "$@"
